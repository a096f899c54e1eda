"""Every safety rule has a line of code that upholds it and a test that proves it, each carrying its number."""

import re

import pytest

from tests.support.house import ROOT, modules, names_of_tests

RULES = range(1, 13)

PAGE = (ROOT / "docs" / "commissioners.md").read_text()
CODE = "\n".join(path.read_text() for path in modules())


def proofs(rule: int) -> set[str]:
    return {name for name in names_of_tests() if re.match(rf"test_(s\d+_)*s{rule}_", name)}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_its_line_and_its_test(rule: int) -> None:
    assert re.search(rf"\bS{rule}\b", CODE), f"no line of code carries S{rule}"
    assert proofs(rule), f"no test is named test_s{rule}_..."


@pytest.mark.parametrize("rule", RULES)
def test_commissioners_can_read_of_a_rule(rule: int) -> None:
    assert f"**S{rule} " in PAGE
    said = {name for name in re.findall(r"`(test_\w+)`", PAGE) if name in proofs(rule)}
    assert said, f"docs/commissioners.md names no test of S{rule}"


def test_no_page_names_a_test_that_is_not_there() -> None:
    assert set(re.findall(r"`(test_\w+)`", PAGE)) <= names_of_tests()
