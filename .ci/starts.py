"""Start the app as README says and ask it for its health and its first page."""

import subprocess
import sys
import time
import urllib.error
import urllib.request

PORT = "8599"
PATIENCE_SECONDS = 60


def main() -> None:
    """Start, ask, stop."""
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true", "--server.port", PORT]
    server = subprocess.Popen(command)
    try:
        print(wait_for(f"http://localhost:{PORT}/healthz"))
        print(wait_for(f"http://localhost:{PORT}/readyz"))
        if "<title>" not in wait_for(f"http://localhost:{PORT}/"):
            sys.exit("The first page is not one.")
    finally:
        server.terminate()
        server.wait(20)


def wait_for(address: str) -> str:
    """What the address answers, as soon as it does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, TimeoutError):  # not listening yet, or not answering yet
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


if __name__ == "__main__":
    main()
