"""Processes that open the same database at the same moment, as servers do that start together."""

import subprocess
import sys

_OPEN = """
import sys
import alembic.command
from allocation.adapters.sql.database import open_database
print("ready", flush=True)
sys.stdin.readline()
open_database(sys.argv[1])
print("open")
"""


def open_at_once(url: str, count: int) -> list[tuple[str, str]]:
    """What each process said on standard output and standard error after all of them were let go together."""
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", _OPEN, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    for server in servers:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
    for server in servers:
        assert server.stdin is not None
        server.stdin.write("go\n")
        server.stdin.flush()
    return [server.communicate(timeout=60) for server in servers]
