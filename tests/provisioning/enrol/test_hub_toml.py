"""What a site decides, written into hub.toml by its text: nothing else of the file changes, not a comment."""

import tomllib
from pathlib import Path

import pytest

from agent.config import DEFAULT_PATH
from agent.wire.enrolment import SiteWord, WayIn
from provisioning.provision.hub_toml import TomlError, edited, starter

MAIN = WayIn(host="broker.example.org")
SECOND = WayIn(name="4g", host="broker.example.org", port=8884, address="192.0.2.7")


def word(*ways: WayIn, centre: tuple[str, ...] = ("one",)) -> SiteWord:
    return SiteWord(iat=0, version=1, name="Site", ca="", centre=centre, ways=ways, enrolment="localhost")


def test_a_new_file_is_all_that_a_hub_needs_and_again_the_same() -> None:
    text = edited(starter(DEFAULT_PATH), "hub-1", word(MAIN, SECOND, centre=("one", "two")))
    raw = tomllib.loads(text)
    assert raw["hub"] == "hub-1"
    assert raw["keys"] == {
        "hub": "keys/hub.key",
        "plan": "keys/plan.key",
        "centre": ["keys/centre-1.pem", "keys/centre-2.pem"],
    }
    assert [(each["name"], each["host"], each["port"], each.get("address")) for each in raw["uplink"]] == [
        ("main", "broker.example.org", 8883, None),
        ("4g", "broker.example.org", 8884, "192.0.2.7"),
    ]
    assert edited(text, "hub-1", word(MAIN, SECOND, centre=("one", "two"))) == text


def test_what_only_the_home_knows_stays() -> None:
    text = edited(starter(DEFAULT_PATH), "hub-1", word(MAIN, SECOND)).replace(
        'name = "4g"\n', 'name = "4g"  # our stick\ninterface = "wwan0"\nstandby = true\n'
    )
    moved = SECOND.__class__(name="4g", host="b2.example.org", port=8885, address="192.0.2.8")
    now = edited(f"{text}\n# the end\n", "hub-1", word(MAIN, moved))
    (_, stick) = tomllib.loads(now)["uplink"]
    assert (stick["interface"], stick["standby"], stick["host"]) == ("wwan0", True, "b2.example.org")
    assert 'name = "4g"  # our stick\n' in now
    assert now.endswith("# the end\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hub = ", "not valid TOML"),
        ('keys = "all"', r"write \[keys\]"),
        ('keys = {hub = "a"}', r"write \[keys\]"),
        ('uplink = [{name = "main"}]', r"\[\[uplink\]\]"),
        ("uplink = 1", r"\[\[uplink\]\]"),
    ],
)
def test_what_cannot_be_edited_is_left_and_said(text: str, said: str) -> None:
    with pytest.raises(TomlError, match=said):
        edited(text, "hub-1", word(MAIN))


def test_a_hub_that_is_not_in_the_usual_place_has_everything_beside_its_file(tmp_path: Path) -> None:
    raw = tomllib.loads(starter(tmp_path / "hub.toml"))
    assert (raw["state_dir"], raw["socket"]) == ("state", "hub.sock")
    assert "state_dir" not in tomllib.loads(starter(DEFAULT_PATH))
