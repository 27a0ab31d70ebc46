"""Fail when anything installed for the app is under the GPL or AGPL (the LGPL is fine)."""

import re
import sys
from importlib.metadata import Distribution, distributions

COPYLEFT = re.compile(r"(?<![Ll])\bA?GPL|(?<!Lesser )General Public License", re.IGNORECASE)
# The Lesser GPL asks nothing of a program that only uses the library; a choice of licences is a choice.
ALLOWED = re.compile(r"\b(LGPL|Lesser General Public|Library or Lesser|Artistic|MIT|BSD)\b", re.IGNORECASE)


def licence_of(package: Distribution) -> str:
    """What a package says of its licence, in one line."""
    said = package.metadata
    classifiers = [c for c in said.get_all("Classifier") or [] if c.startswith("License")]
    short = said.get("License-Expression") or (said.get("License") or "").split("\n")[0][:120]
    return " | ".join([short, *classifiers])


def main() -> None:
    """Look at every package of this environment."""
    packages = sorted(distributions(), key=lambda package: package.metadata["Name"].lower())
    bad = [
        f"{package.metadata['Name']}: {licence}"
        for package in packages
        if COPYLEFT.search(licence := licence_of(package)) and not ALLOWED.search(licence)
    ]
    print(f"{len(packages)} packages looked at.")
    if bad or not packages:
        sys.exit("Not allowed here:\n" + "\n".join(bad))


if __name__ == "__main__":
    main()
