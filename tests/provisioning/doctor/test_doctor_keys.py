"""The doctor on keys: each thing that can be wrong with a file is found in real files."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provisioning.doctor.checks import configuration, keys
from provisioning.doctor.finding import Finding
from simulators.keys import Authority, make_keys

CERTIFICATE = "certificate of uplink main"


def troubles(box: Any, *, synced: bool = True) -> dict[str, Finding]:
    """What is not well, by what it is about; the last of each."""
    found = keys.judge(keys.probe(box.scene(synced=synced)))
    return {each.about: each for each in found if each.state in ("wrong", "warning")}


def test_keys_that_go_together_are_well(box: Any, states: Callable[..., Any]) -> None:
    box.write()
    found = states(keys.judge(keys.probe(box.scene())))
    assert {state for state, _ in found} == {"well"}
    assert ("well", CERTIFICATE) in found
    assert ("well", "key of uplink main") in found


def test_a_key_that_others_can_read_is_found_and_the_rest_is_still_looked_at(box: Any) -> None:
    box.write()
    box.tls.key.chmod(0o644)
    found = troubles(box)
    assert "0644" in found["key of uplink main"].found
    assert f"chmod 600 {box.tls.key}" in found["key of uplink main"].remedy
    assert CERTIFICATE not in found
    scene = box.scene()
    told = [each.about for each in configuration.judge(scene.problems, scene.config) if each.state == "wrong"]
    assert told == ["uplink[1].key"]


def test_a_certificate_of_another_authority_key_or_hub_is_found(box: Any, now: dt.datetime, tmp_path: Path) -> None:
    other = make_keys(tmp_path / "other", round(now.timestamp() * 1000), ["hub-test"])
    box.ca = other.ca
    box.write()
    assert "another authority" in troubles(box)[CERTIFICATE].found
    box.ca, ours = box.keys.ca, box.tls
    box.tls = type(ours)(ours.certificate, other.hubs["hub-test"].tls.key)
    box.write()
    assert "another key" in troubles(box)[CERTIFICATE].found
    box.tls, box.hub = ours, "hub-other"
    box.write()
    assert "'hub-test's, and this hub is 'hub-other'" in troubles(box)[CERTIFICATE].found.replace("''", "'")


def test_a_servers_certificate_is_not_taken_for_a_hubs(box: Any) -> None:
    box.tls = box.keys.broker
    box.write()
    found = [each.found for each in keys.judge(keys.probe(box.scene())) if each.about == CERTIFICATE]
    assert any("not for a client" in each for each in found)


@pytest.mark.parametrize(
    ("age_days", "state", "words"),
    [(0, None, ""), (340, "warning", "good for 24"), (362, "wrong", "good for 2"), (400, "wrong", "expired")],
)
def test_days_left_are_told_in_time(
    age_days: int, state: str | None, words: str, box: Any, now: dt.datetime, tmp_path: Path
) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    old = Authority(folder, now - dt.timedelta(days=age_days))
    box.ca, box.tls = old.certificate, old.issue("hub", "hub-test")
    box.write()
    found = troubles(box).get(CERTIFICATE)
    assert (found and found.state) == state
    assert found is None or words in found.found


def test_s6_without_a_clock_no_days_are_judged(
    box: Any, now: dt.datetime, tmp_path: Path, states: Callable[..., Any]
) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    old = Authority(folder, now - dt.timedelta(days=400))
    box.ca, box.tls = old.certificate, old.issue("hub", "hub-test")
    box.write()
    assert ("skipped", CERTIFICATE) in states(keys.judge(keys.probe(box.scene(synced=False))))
    assert not troubles(box, synced=False)


def test_who_may_not_look_is_told_to_look_as_root(box: Any) -> None:
    box.write()
    box.keys.centre_public.unlink()
    scene = box.scene()
    for privileged in (True, False):
        (found,) = (
            each
            for each in configuration.judge(scene.problems, scene.config, privileged=privileged)
            if each.state == "wrong"
        )
        assert ("with sudo" in found.remedy) is not privileged


def test_a_configuration_that_others_can_change_is_found(box: Any) -> None:
    path = box.write()
    path.chmod(0o666)
    assert "0666" in next(each.found for each in configuration.CHECK.look(box.scene()) if each.state == "wrong")
    path.chmod(0o644)
    assert all(each.state != "wrong" for each in configuration.CHECK.look(box.scene()))


def test_a_missing_file_and_a_file_that_is_no_key_are_found(box: Any) -> None:
    box.write()
    box.keys.centre_public.write_text("nothing")
    box.tls.certificate.unlink()
    found = troubles(box)
    assert "not a Ed25519 key" in found["centre's key 1"].found
    assert "No such file" in found[CERTIFICATE].found


def test_a_public_key_where_the_private_belongs_is_found(box: Any) -> None:
    box.write()
    signing = box.keys.hubs["hub-test"].signing
    signing.write_bytes(box.keys.hubs["hub-test"].public.read_bytes())
    assert "a public key where the other kind belongs" in troubles(box)["signing key"].found
