"""The project as files: where its parts are, and what they say. For the tests of the house itself."""

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("agent", "centre", "provisioning", "rules", "sensors", "simulators")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def modules() -> list[Path]:
    """Every module of the packages."""
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def suites() -> list[Path]:
    return sorted((ROOT / "tests").rglob("*.py"))


def pages() -> list[Path]:
    """Every page of the documentation."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@cache
def names_of_tests() -> frozenset[str]:
    """Every test function there is."""
    found = re.compile(r"^\s*(?:async )?def (test_\w+)", re.MULTILINE)
    return frozenset(name for path in suites() for name in found.findall(path.read_text()))


@cache
def targets() -> frozenset[str]:
    """The Makefile's documented targets, as bare `make` lists them."""
    listed = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    return frozenset(re.findall(r"^  make (\w+)", listed.stdout, re.MULTILINE))


def commands() -> frozenset[str]:
    """The commands of `hearthline`, as the distribution declares them."""
    return frozenset(PROJECT["project"]["entry-points"]["hearthline.commands"])
