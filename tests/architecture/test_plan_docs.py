"""The page on care plans names every key that a plan may have, and what it shows is what is."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from agent.plan import tables
from agent.plan.reading import read_plan
from provisioning.plan.explain_words import sentences
from provisioning.plan.picture import svg
from rules.plan import Means
from tests.support.house import ROOT

PAGE = (ROOT / "docs" / "plans.md").read_text()
ALONE = read_plan(ROOT / "provisioning" / "examples" / "alone.toml").plan

PARTS = {
    "File": "### The first lines",
    "ContactTable": "### `[contact.…]`",
    "KindTable": "### `[kind.…]`",
    "LadderTable": "### `[ladder.…]`",
    "StepTable": "### `[ladder.…]`",
    "WindowTable": "### `[night]`",
    "InactivityTable": "**`[[inactivity]]`**",
    "AbsenceTable": "**`[[absence]]`**",
    "DoorTable": "**`[[door]]`**",
    "TemperatureTable": "**`[[temperature]]`**",
    "VisitTable": "**`[[visit]]`**",
    "PersonTable": "**`[person.…]`**",
    "ReminderTable": "**`[[reminder]]`**",
    "InformationTable": "**`[[information]]`**",
    "ThresholdTable": "**`[[threshold]]`**",
    "VoiceTable": "**`[voice]`**",
    "SupervisionTable": "### `[supervision]`",
    "PowerCutTable": "### `[supervision]`",
    "PrivateTable": "### `[private]`",
}
"""Where on the page each of the reader's tables is told."""


def part_on(table: str) -> str:
    begin = PAGE.index(f"\n{PARTS[table]}") + 1
    end = re.compile(r"^(##|\*\*`\[)", re.MULTILINE).search(PAGE, begin + 1)
    return PAGE[begin : end.start() if end else len(PAGE)]


def test_every_table_has_its_part() -> None:
    found = {name for name, each in vars(tables).items() if isinstance(each, type) and issubclass(each, tables.Table)}
    assert found - {"Table"} == PARTS.keys()


@pytest.mark.parametrize("name", PARTS)
def test_every_key_is_told_where_its_table_is(name: str) -> None:
    keys = [field.encode_name for field in msgspec.structs.fields(getattr(tables, name))]
    part = part_on(name)
    for key in keys:
        if name == "File" and re.search(rf"`\[\[?{key}\b", PAGE):
            continue  # a table of its own
        assert f"`{key}`" in part, f"docs/plans.md does not tell of {key} in its part on {PARTS[name]}"


def test_every_means_is_told() -> None:
    assert {means for means in get_args(Means) if f"| `{means}` |" not in PAGE} == set()


def test_the_example_on_the_page_is_a_plan(tmp_path: Path) -> None:
    (toml,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    path = tmp_path / "plan.toml"
    path.write_text(toml)
    assert read_plan(path).plan.contact("daughter") is not None


def test_what_the_page_quotes_is_said() -> None:
    quoted = re.findall(r"^> (.+)$", PAGE, re.MULTILINE)
    assert quoted
    assert set(quoted) <= {point for section in sentences(ALONE) for point in section.points}


def test_the_picture_on_the_page_is_that_of_the_shipped_plan() -> None:
    """Drawn anew by: hearthline plan explain provisioning/examples/alone.toml --picture docs/plan-alone.svg."""
    assert (ROOT / "docs" / "plan-alone.svg").read_text() == svg(ALONE)
