"""What is installed is locked: every library by version and hash, from no address in particular."""

import re

import pytest

from tests.support.house import PROJECT, ROOT

LOCKS = ["run.txt", "dev.txt", "fuzz.txt"]


def lock(name: str) -> str:
    return (ROOT / "requirements" / name).read_text()


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", lock(name), re.MULTILINE))


def needs(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in requirements}


@pytest.mark.parametrize("name", LOCKS)
def test_every_library_is_pinned_by_hash(name: str) -> None:
    blocks = re.split(r"^(?=\w)", lock(name), flags=re.MULTILINE)[1:]
    assert blocks
    assert [block for block in blocks if not re.match(r"[\w.-]+==\S+.*\\\n    --hash=sha256:[0-9a-f]{64}", block)] == []


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_names_an_address_or_a_place(name: str) -> None:
    assert re.findall(r"://|^-|file:|/|@ ", lock(name), re.MULTILINE) == []


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    assert needs(project["dependencies"]) | needs(extras["build"]) <= pins("run.txt").keys()
    assert needs(extras["dev"]) <= pins("dev.txt").keys()


def test_tests_run_on_what_is_run() -> None:
    assert pins("run.txt").items() <= pins("dev.txt").items()
