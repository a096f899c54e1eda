"""What a newer word changes in hub.toml, and where the centre's keys go. Values in, values out."""

import tomllib
from typing import Any

import pytest
from msgspec.structs import replace

from agent.wire.enrolment import SiteWord, WayIn
from provisioning.provision.takeover import SLOTS, TakeOverError, revised, slots

ONE, TWO = SLOTS
A, B, C, D = b"a", b"b", b"c", b"d"

OLD = SiteWord(
    iat=0,
    version=1,
    name="Site",
    ca="-",
    centre=("-",),
    enrolment="site.example:8443",
    ways=(WayIn(host="broker.example"), WayIn(name="second", host="two.example", port=8884, address="192.0.2.7")),
)
HUB_TOML = """\
# Our hub.
hub = "hub-1"

[keys]
hub = "keys/hub.key"
centre = ["keys/centre-1.pem"]   # whom we believe

[[uplink]]
name = "main"          # the fibre
host = "broker.example"
port = 8883
ca = "keys/ca.pem"
certificate = "keys/uplink.pem"
key = "keys/uplink.key"

[[uplink]]
name = "4g"
host = "broker.example"
address = "192.0.2.1"  # asked by hand
interface = "wwan0"
standby = true
ca = "keys/ca.pem"
certificate = "keys/uplink.pem"
key = "keys/uplink.key"

[[uplink]]
name = "second"
host = "two.example"
port = 8884
address = "192.0.2.7"
ca = "keys/ca.pem"
certificate = "keys/uplink.pem"
key = "keys/uplink.key"

# The rest is the installer's.
[sound]
device = "default"
"""


def ways(text: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in tomllib.loads(text)["uplink"]}


@pytest.mark.parametrize(
    ("listed", "wanted", "given"),
    [
        ({ONE: A}, [A], {ONE: A}),
        ({ONE: A}, [A, B], {ONE: A, TWO: B}),
        ({ONE: A, TWO: B}, [B], {TWO: B}),
        ({TWO: B}, [B, C], {TWO: B, ONE: C}),
        ({ONE: A}, [B], {TWO: B}),
        ({ONE: A, TWO: B}, [C, D], {ONE: C, TWO: D}),
        ({"keys/old.pem": A}, [A, B], {"keys/old.pem": A, ONE: B}),
    ],
)
def test_a_key_that_stays_stays_where_it_is(
    listed: dict[str, bytes], wanted: list[bytes], given: dict[str, bytes]
) -> None:
    assert slots(listed, wanted) == given


def test_only_what_the_site_has_changed_is_touched() -> None:
    assert revised(HUB_TOML, OLD, replace(OLD, version=2, name="Another", offline_days=20), [ONE]) == HUB_TOML


def test_new_keys_are_named_and_the_comments_stay() -> None:
    text = revised(HUB_TOML, OLD, replace(OLD, version=2), [ONE, TWO])
    assert tomllib.loads(text)["keys"]["centre"] == [ONE, TWO]
    assert [line for line in text.splitlines() if "#" in line] == [
        line.replace('["keys/centre-1.pem"]', '["keys/centre-1.pem", "keys/centre-2.pem"]')
        for line in HUB_TOML.splitlines()
        if "#" in line
    ]


def test_an_uplink_goes_where_its_way_goes_by_name_or_by_place_and_keeps_what_the_home_knows() -> None:
    moved = replace(OLD, version=2, ways=(WayIn(host="new.example", port=443), OLD.ways[1]))
    found = ways(revised(HUB_TOML, OLD, moved, [ONE]))
    assert (found["main"]["host"], found["main"]["port"]) == ("new.example", 443)
    assert (found["4g"]["host"], found["4g"]["port"]) == ("new.example", 443)
    assert (found["4g"]["interface"], found["4g"]["standby"]) == ("wwan0", True)
    assert found["4g"]["address"] == "192.0.2.1", "the site never said one, nor does it now"
    assert found["second"] == ways(HUB_TOML)["second"]


def test_a_way_comes_and_a_way_goes() -> None:
    changed = replace(OLD, version=2, ways=(OLD.ways[0], WayIn(name="third", host="three.example")))
    found = ways(revised(HUB_TOML, OLD, changed, [ONE]))
    assert list(found) == ["main", "4g", "third"]
    assert found["third"] == {
        "name": "third",
        "host": "three.example",
        "port": 8883,
        "ca": "keys/ca.pem",
        "certificate": "keys/uplink.pem",
        "key": "keys/uplink.key",
    }


def test_a_standby_does_not_become_the_first() -> None:
    changed = replace(OLD, version=2, ways=(OLD.ways[1],))
    assert list(ways(revised(HUB_TOML, OLD, changed, [ONE]))) == ["second", "4g"]


def test_an_address_by_hand_is_the_old_hosts_and_goes_with_it_unless_an_interface_needs_one() -> None:
    text = HUB_TOML.replace('interface = "wwan0"\n', "")
    moved = replace(OLD, version=2, ways=(WayIn(host="new.example"), OLD.ways[1]))
    assert "address" not in ways(revised(text, OLD, moved, [ONE]))["4g"]


def test_an_address_that_the_site_takes_back_goes() -> None:
    changed = replace(OLD, version=2, ways=(OLD.ways[0], replace(OLD.ways[1], address="")))
    assert "address" not in ways(revised(HUB_TOML, OLD, changed, [ONE]))["second"]


@pytest.mark.parametrize("text", ["", "uplink = 3", "[keys", "[keys]\ncentre = []", "keys = 1\nuplink = []"])
def test_a_file_that_cannot_be_edited_is_told(text: str) -> None:
    with pytest.raises(TakeOverError, match=r"hub\.toml"):
        revised(text, OLD, replace(OLD, version=2), [ONE])
