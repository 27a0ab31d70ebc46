"""What the app is made of, and whether any of it is known to be vulnerable. Both fail rather than say nothing.

python .ci/supply_chain.py bill PYTHON FILE    the bill of materials of an environment (CycloneDX)
python .ci/supply_chain.py audit PYTHON        its packages against the known advisories
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")
# Known, looked at, and out of reach; each with its reason. A line that nothing needs any more is a fault as well.
ACCEPTED = {
    "CVE-2026-28684": "python-dotenv below 1.2.2, pinned by streamlit-oauth: only its set_key, which nothing here calls",
}


def wanted_packages(requirements: str) -> set[str]:
    """The packages a requirements file names, spelled as PyPI compares them."""
    lines = (line.split("#")[0].strip() for line in requirements.splitlines())
    return {_normal(found.group()) for line in lines if (found := _NAME.match(line))}


def what_the_bill_leaves_out(bill: Mapping[str, Any], wanted: Iterable[str]) -> list[str]:
    """Requirements that a bill of materials does not list, and components it lists without a version."""
    versions = {_normal(part["name"]): part.get("version") for part in bill.get("components", ())}
    missing = [f"{name} is not in the bill" for name in sorted(set(wanted) - versions.keys())]
    return missing + [f"{name} has no version" for name, version in sorted(versions.items()) if not version]


def what_the_audit_found(report: Mapping[str, Any], wanted: Iterable[str]) -> list[str]:
    """Vulnerabilities, packages nobody looked at, and exceptions nobody needs any more."""
    looked_at, skipped, found = set[str](), list[str](), dict[str, str]()
    for package in report.get("dependencies", ()):
        name = _normal(package["name"])
        if "skip_reason" in package:
            skipped.append(f"{name} was not audited: {package['skip_reason']}")
            continue
        looked_at.add(name)
        for each in package["vulns"]:
            names = {each["id"], *each.get("aliases", ())}
            known = next((accepted for accepted in ACCEPTED if accepted in names), None)
            found[known or each["id"]] = f"{name} {package['version']}: {each['id']}"
    unseen = [f"{name} was not audited" for name in sorted(set(wanted) - looked_at)]
    bad = [said for identifier, said in found.items() if identifier not in ACCEPTED]
    stale = [f"the exception {name} is not needed any more" for name in ACCEPTED if name not in found]
    return skipped + unseen + bad + (stale if looked_at else [])


def main(arguments: list[str]) -> None:
    """Run one of the two; exit status 1 with every reason."""
    wanted = wanted_packages((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    match arguments:
        case ["bill", python, file]:
            tool = Path(sys.executable).with_name("cyclonedx-py")
            subprocess.run(
                [tool, "environment", "--output-reproducible", "--of", "JSON", "-o", file, python], check=True
            )
            reasons = what_the_bill_leaves_out(json.loads(Path(file).read_text(encoding="utf-8")), wanted)
        case ["audit", python]:
            frozen = subprocess.run([python, "-m", "pip", "freeze"], check=True, capture_output=True, text=True).stdout
            tool = Path(sys.executable).with_name("pip-audit")
            command = [tool, "--format", "json", "--no-deps", "--disable-pip", "-r", "/dev/stdin"]
            said = subprocess.run(command, input=frozen, check=False, capture_output=True, text=True)
            if not said.stdout.strip():
                sys.exit(f"pip-audit said nothing:\n{said.stderr}")
            reasons = what_the_audit_found(json.loads(said.stdout), wanted)
        case _:
            sys.exit(str(__doc__))
    print("\n".join(reasons) if reasons else f"{arguments[0]}: good.")
    sys.exit(1 if reasons else 0)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main(sys.argv[1:])
