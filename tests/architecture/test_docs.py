"""The documentation is true where a machine can tell: links, commands, names, tables and the example configuration."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

from agent.config import ConfigError, load
from agent.wire.schema import COMMANDS
from rules.actions import ChirpName
from rules.events import ReceiptResult
from rules.kinds import KIND_NAMES
from rules.projection import Alert, Tone
from rules.reports import REPORTS
from sensors.registry import DRIVER_TYPES
from tests.support.house import PACKAGES, PROJECT, ROOT, commands, modules, pages, targets

PAGES = [str(page.relative_to(ROOT)) for page in pages()]
USERS = ["residents", "centre", "installer", "engineers", "commissioners"]


def text(page: str) -> str:
    return (ROOT / page).read_text()


def code(page: str) -> list[str]:
    """What a page sets as code: fenced blocks line by line without their comments, and inline."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text(page), re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text(page), flags=re.MULTILINE | re.DOTALL))
    return [line.split("  #")[0].strip() for block in fenced for line in block.splitlines()] + inline


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", text(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page}: {link}"
        assert target.resolve().is_relative_to(ROOT), f"{page}: {link}"
        assert not anchor or anchor in anchors(target), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES)
def test_commands_named_are_there(page: str) -> None:
    for piece in code(page):
        made = re.match(r"make ([a-z]+)\b", piece)
        assert made is None or made[1] in targets(), f"{page}: {piece}"
        ran = re.match(r"hearthline ([a-z][a-z-]*)", piece)
        assert ran is None or ran[1] in commands(), f"{page}: {piece}"


@pytest.mark.parametrize("page", PAGES)
def test_files_and_modules_named_are_there(page: str) -> None:
    dotted = {str(path.relative_to(ROOT).with_suffix("")).replace("/", ".") for path in modules()}
    for piece in code(page):
        if re.fullmatch(rf"({'|'.join(PACKAGES)}|tests|docs|requirements)/[\w./-]*", piece) and "NNNN" not in piece:
            assert (ROOT / piece).exists(), f"{page}: {piece}"
        named = re.fullmatch(rf"(?:python -m )?(({'|'.join(PACKAGES)})(?:\.[\w]+)+)(?: .*)?", piece)
        if named is not None and not piece.endswith(".toml"):  # centre.toml, which people write, is no module
            parts = named[1].split(".")
            known = any(".".join(parts[:length]) in dotted for length in range(2, len(parts) + 1))
            assert known or (ROOT / "/".join(parts)).is_dir(), f"{page}: {piece}"


@pytest.mark.parametrize("page", PAGES)
def test_no_page_names_a_place_on_somebodys_machine(page: str) -> None:
    assert re.findall(r"/(?:home|root|tmp|Users)/\S*", text(page)) == []


@pytest.mark.parametrize("page", PAGES)
def test_nothing_claims_to_be_certified(page: str) -> None:
    assert "compliant" not in text(page).lower()


def test_every_command_and_target_is_told_of() -> None:
    said = [piece for page in PAGES for piece in code(page)]
    assert {name for name in commands() if not any(piece.startswith(f"hearthline {name}") for piece in said)} == set()
    assert {name for name in ("run", "test") if f"make {name}" not in code("README.md")} == set()
    assert {"run", "test", "check", "lock", "bench", "clean"} <= targets()


def test_there_is_a_page_for_each_kind_of_user() -> None:
    for user in USERS:
        assert f"docs/{user}.md" in PAGES
        assert f"(docs/{user}.md)" in text("README.md")


def test_residents_are_told_of_every_sound() -> None:
    told = set(code("docs/residents.md"))
    assert {*get_args(ChirpName), *get_args(Tone), *get_args(Alert)} <= told


def test_whoever_builds_a_centre_is_told_of_every_event_command_and_receipt() -> None:
    told = set(code("docs/wire.md"))
    assert REPORTS.keys() <= told
    assert COMMANDS.keys() <= told
    assert set(get_args(ReceiptResult)) <= told


def test_installers_are_told_of_every_driver_its_options_and_every_kind() -> None:
    page = text("docs/hub-toml.md")
    for driver in DRIVER_TYPES.values():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{driver.name}` |"))
        assert {name for name in driver.options.__struct_fields__ if f"`{name}`" not in row} == set(), driver.name
        supervised = "after 12 h" in row
        assert supervised == (driver.heartbeat_ms is not None), driver.name
    assert set(code("docs/hub-toml.md")) >= KIND_NAMES


def test_installers_are_told_of_every_fault() -> None:
    rules = "\n".join(path.read_text() for path in (ROOT / "rules").glob("*.py"))
    faults = set(re.findall(r'(?:raise|set)_fault\(\s*turn,\s*"([a-z-]+)"', rules))
    assert "driver" in faults
    assert faults <= set(code("docs/hub-toml.md"))


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The installers' example, in a folder with the key files that it names."""
    (toml,) = re.findall(r"^```toml\n(.*?)^```", text("docs/hub-toml.md"), re.MULTILINE | re.DOTALL)
    path = tmp_path / "hub.toml"
    path.write_text(toml)
    raw: dict[str, Any] = tomllib.loads(toml)
    uplink = raw["uplink"][0]
    keys = (raw["keys"]["hub"], *raw["keys"]["centre"], uplink["ca"], uplink["certificate"], uplink["key"])
    for name in (*keys, raw["modem"]["pin_file"]):
        (tmp_path / name).touch(mode=0o600)
    return path


def test_the_installers_example_is_a_valid_configuration(example: Path) -> None:
    config = load(example)
    assert config.hub == "hub-3f9a"
    assert len(config.sensors) == len(config.drivers)


def test_the_installers_example_without_pins_is_as_the_page_says(example: Path) -> None:
    tables = re.sub(
        r"^\[(pins|outputs|buttons)\].*\n(?:\w+ = .*\n|# .*\n)*", "", example.read_text(), flags=re.MULTILINE
    )
    tables = tables.replace('"GPIO17:nc"', '"bath_cord"').replace('driver = "wires"', 'driver = "zigbee"')
    example.write_text(tables)
    with pytest.raises(ConfigError, match="outputs"):
        load(example)
    example.write_text(f'outputs = "log"\n{tables}')
    assert load(example).outputs is None


def test_every_decision_is_listed_and_numbered() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [name[:4] for name in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for name in pages:
        page = (folder / name).read_text()
        assert f"({name})" in (folder / "README.md").read_text()
        assert page.startswith(f"# {name[:4]}: ")
        assert all(f"\n## {head}\n" in page for head in ("Why", "Decision", "What follows")), name


def test_decisions_named_in_code_are_there() -> None:
    named = {number for path in modules() for number in re.findall(r"docs/decisions/(\d{4})", path.read_text())}
    assert {number for number in named if not list((ROOT / "docs" / "decisions").glob(f"{number}-*.md"))} == set()


def test_ci_runs_what_contributors_are_told_to_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.findall(r"^make (\w+)$", script.read_text(), re.MULTILINE) == ["check", "test"]


def test_the_changelog_knows_the_version_or_says_unreleased() -> None:
    changes = text("CHANGELOG.md")
    assert f"## [{PROJECT['project']['version']}]" in changes or "## [Unreleased]" in changes
