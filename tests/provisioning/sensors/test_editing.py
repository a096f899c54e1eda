"""Editing hub.toml: comments stay, nothing else changes, and what the hub would refuse never takes the file's place."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.provision import hub_toml as hub_toml_of_all
from provisioning.sensors.editing import EditError, add_driver, add_sensor, move_sensor, next_id, put, remove_sensor
from tests.support.examples import examples

FILE = """\
# the hub of flat 3
hub = "hub-1"  # never a name

[keys]
hub = "hub.key"   # 0600
centre = ["c.pem"]

# how it hears
[driver.radio] # behind the wardrobe
type = "rfxtrx"
device = "/dev/r"

# --- the flat's sensors ---
# in the hall
[[sensor]]
id = "a" # the red one
driver = "radio"
address = "security1:d3dc54"
kind = "pendant"
location = "hall"

# in the bath
[[sensor]]
id = "b"
driver = "radio"
address = "security1:d3dc55"
kind = "pendant"
location = "bath"

# rules of kinds
[kind.pendant]
cancel_s = 3 # short
"""
SENSOR = {"id": "c", "driver": "radio", "address": "x", "kind": "flood", "location": "kitchen"}


def comments(text: str) -> list[str]:
    return [line[line.index("#") :] for line in text.splitlines() if "#" in line]


def test_a_sensor_is_added_behind_the_last_one_and_every_comment_stays_where_it_was() -> None:
    added = add_sensor(FILE, SENSOR)
    assert tomllib.loads(added)["sensor"][2] == SENSOR
    assert comments(added) == comments(FILE)
    before, after = added.split('[[sensor]]\nid = "c"')
    assert before == FILE[: FILE.index("# rules of kinds")]
    assert after.endswith('location = "kitchen"\n\n' + FILE[FILE.index("# rules of kinds") :])


def test_the_first_sensor_of_a_file_without_any_comes_at_its_end() -> None:
    added = add_sensor('hub = "x"\n[keys]\na = 1 # no newline', SENSOR)
    assert added.startswith('hub = "x"\n[keys]\na = 1 # no newline\n\n[[sensor]]\n')
    assert tomllib.loads(added)["sensor"] == [SENSOR]


@pytest.mark.parametrize(("name", "left"), [("a", "b"), ("b", "a")])
def test_a_sensor_goes_and_the_comments_around_it_stay(name: str, left: str) -> None:
    removed = remove_sensor(FILE, name)
    assert [each["id"] for each in tomllib.loads(removed)["sensor"]] == [left]
    assert [each for each in comments(FILE) if each != "# the red one"] == [
        each for each in comments(removed) if each != "# the red one"
    ]
    assert "\n\n\n" not in removed


def test_the_last_sensor_can_go() -> None:
    assert "sensor" not in tomllib.loads(remove_sensor(remove_sensor(FILE, "a"), "b"))


def test_a_sensor_heard_elsewhere_keeps_its_id_its_place_and_its_comments() -> None:
    moved = move_sensor(FILE, "a", "radio", "security1:aaaaaa")
    assert moved == FILE.replace("security1:d3dc54", "security1:aaaaaa")


def test_a_driver_stands_before_the_sensors_and_their_comment() -> None:
    added = add_driver(FILE, "zigbee", {"type": "zigbee2mqtt"})
    assert added == FILE.replace("# --- the flat's", '[driver.zigbee]\ntype = "zigbee2mqtt"\n\n# --- the flat\'s')


def test_pins_come_with_the_driver_that_needs_them() -> None:
    raw = tomllib.loads(add_driver('hub = "x"\n', "wires", {"type": "gpio"}, pins=True))
    assert raw == {"hub": "x", "driver": {"wires": {"type": "gpio"}}, "pins": {"factory": "lgpio"}}


def test_who_is_not_there_is_named_with_who_is() -> None:
    with pytest.raises(EditError, match="there is no sensor 'z': there are a, b"):
        remove_sensor(FILE, "z")


@pytest.mark.parametrize(
    "odd",
    [
        'sensor = [{id = "a", driver = "r"}]\n',
        'text = """\n[[sensor]]\nid = "no"\n"""\n[[sensor]]\nid = "a"\ndriver = "r"\n',
    ],
    ids=["inline", "in-a-text"],
)
def test_what_cannot_be_edited_safely_is_left_to_a_person(odd: str) -> None:
    with pytest.raises(EditError, match="by hand"):
        remove_sensor(odd, "a")


def test_next_ids_fill_gaps() -> None:
    assert next_id("flood", set()) == "flood-1"
    assert next_id("flood", {"flood-1", "flood-3", "pendant-2"}) == "flood-2"
    assert next_id("flood", {"flood-1", "flood-2"}) == "flood-3"


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(st.sampled_from(["add", "remove", "move"]), max_size=8), st.randoms(use_true_random=False))
def test_any_edits_in_any_order_lose_no_comment_of_another(edits: list[str], dice: object) -> None:
    text, names = FILE, ["a", "b"]
    for n, edit in enumerate(edits):
        if edit == "add":
            text = add_sensor(text, SENSOR | {"id": f"n{n}", "address": f"x{n}"})
            names.append(f"n{n}")
        elif names and edit == "remove":
            text = remove_sensor(text, names.pop(n % len(names)))
        elif names:
            text = move_sensor(text, names[n % len(names)], "radio", f"y{n}")
    assert {each["id"] for each in tomllib.loads(text).get("sensor", [])} == set(names)
    assert set(comments(FILE)) - {"# the red one"} <= set(comments(text))


# --- in place -----------------------------------------------------------------------------------------


def test_what_the_hub_would_refuse_changes_nothing(hub_toml: Path) -> None:
    before = hub_toml.read_bytes()
    with pytest.raises(EditError, match="is as it was") as raised:
        put(hub_toml, lambda text: add_sensor(text, SENSOR | {"kind": "fluod"}))
    assert 'did you mean "flood"?' in str(raised.value)
    assert hub_toml.read_bytes() == before
    assert [each.name for each in hub_toml.parent.iterdir() if "hub.toml" in each.name] == ["hub.toml"]


def test_owner_and_mode_stay(hub_toml: Path) -> None:
    hub_toml.chmod(0o640)
    config = put(hub_toml, lambda text: add_sensor(text, SENSOR | {"address": "security1:abcdef"}))
    assert config.path == hub_toml
    assert [each.id for each in config.sensors] == ["c"]
    assert hub_toml.stat().st_mode & 0o777 == 0o640


def test_a_power_cut_before_the_file_takes_its_place_leaves_the_old_one(
    hub_toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hub_toml.read_bytes()

    def cut(_path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(hub_toml_of_all, "load", cut)
    with pytest.raises(KeyboardInterrupt):
        put(hub_toml, lambda text: add_sensor(text, SENSOR))
    assert hub_toml.read_bytes() == before
    monkeypatch.undo()
    put(hub_toml, lambda text: add_sensor(text, SENSOR | {"address": "security1:abcdef"}))  # what was left is no bother


def test_a_file_that_may_not_be_written_says_who_may(hub_toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object, **_named: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(hub_toml_of_all, "write_whole", refuse)
    with pytest.raises(EditError, match="as root or as the owner"):
        put(hub_toml, lambda text: add_sensor(text, SENSOR))
