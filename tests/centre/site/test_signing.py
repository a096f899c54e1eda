"""`hearthline provision sign`: requests on a stick that anybody may have written to."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from agent.wire.enrolment import Answer, Refusal
from agent.wire.papers import Decommissioned
from agent.wire.stick import Carried
from centre.site.signing import FILES_MAX, sign, sign_all
from centre.site.site import Site
from tests.support.enrolling import RIGHT, Off, code_for, make_site
from tests.support.sites import Box, enrolled


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with closing(make_site(tmp_path / "site")) as made:
        yield made


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


def leave(stick: Path, what: str, request: str, body: bytes) -> Path:
    path = stick / f"request-{request}.json"
    path.write_bytes(msgspec.json.encode({"what": what, "jws": body.decode()}))
    return path


def test_requests_are_answered_and_answered_the_same_again(site: Site, stick: Path, tmp_path: Path) -> None:
    box = Box()
    leave(stick, "enrol", box.request, box.enrol(code_for(site, "hub-1")))
    answered = stick / f"answer-{box.request}.json"
    contents = []
    for _ in range(2):
        ran = CliRunner().invoke(sign, [str(stick), "--site", str(tmp_path / "site")])
        assert ran.exit_code == 0, ran.output
        assert "hub-1" in ran.output
        contents.append(answered.read_bytes())
    assert contents[0] == contents[1]
    assert msgspec.json.decode(contents[0], type=Answer).hub == "hub-1"


def test_a_renewal_that_travelled_for_a_week_is_answered(site: Site, stick: Path) -> None:
    box, _ = enrolled(site, "hub-1", RIGHT.now().wall_ms)
    made_ms = Off(-7 * 86_400_000).now().wall_ms
    leave(stick, "renew", "ab", box.renew("hub-1", made_ms, box.uplink, "ab"))
    (done,) = sign_all(stick, site, RIGHT.now().wall_ms)
    assert (done.hub, done.refused) == ("hub-1", "")


def test_a_refusal_is_told_to_the_box_and_goes_when_the_answer_comes(site: Site, stick: Path, tmp_path: Path) -> None:
    box, code = Box(), code_for(site, "hub-1")
    leave(stick, "enrol", box.request, box.enrol(code._replace(secret=bytes(10))))
    ran = CliRunner().invoke(sign, [str(stick), "--site", str(tmp_path / "site")])
    assert ran.exit_code == 1
    refusal = stick / f"refused-{box.request}.json"
    assert msgspec.json.decode(refusal.read_bytes(), type=Refusal).code == "unproven"
    leave(stick, "enrol", box.request, box.enrol(code))
    assert [each.refused for each in sign_all(stick, site, RIGHT.now().wall_ms)] == [""]
    assert not refusal.exists()


def test_a_receipt_of_a_hubs_end_is_taken(site: Site, stick: Path) -> None:
    box, _ = enrolled(site, "hub-1", RIGHT.now().wall_ms)
    end = Decommissioned(iat=0, synced=False, hub="hub-1", wiped=(), waiting=None)
    (stick / "decommissioned-hub-1.jws").write_bytes(box.sign(end))
    for _ in range(2):
        assert [each.refused for each in sign_all(stick, site, RIGHT.now().wall_ms)] == [""]
    hub = site.hub("hub-1")
    assert hub is not None
    assert hub.state == "revoked"


def test_a_receipt_under_another_hubs_name_ends_nobody_and_says_so(site: Site, stick: Path) -> None:
    box, _ = enrolled(site, "hub-1", RIGHT.now().wall_ms)
    enrolled(site, "hub-2", RIGHT.now().wall_ms)
    end = box.sign(Decommissioned(iat=0, synced=False, hub="hub-1", wiped=(), waiting=None))
    site.revoke("hub-1", RIGHT.now().wall_ms)
    forged = end.rpartition(b".")[0] + b".AAAA"
    for number, body in ((1, forged), (2, end)):
        (stick / f"decommissioned-hub-{number}.jws").write_bytes(body)
    assert [(each.hub, bool(each.refused)) for each in sign_all(stick, site, RIGHT.now().wall_ms)] == [("", True)] * 2
    hub = site.hub("hub-2")
    assert hub is not None
    assert hub.state == "enrolled"


def test_a_request_among_a_thousand_photographs_is_found(site: Site, stick: Path) -> None:
    box = Box()
    leave(stick, "enrol", box.request, box.enrol(code_for(site, "hub-1")))
    for number in range(FILES_MAX):
        (stick / f"photo-{number}.jpg").touch()
    assert [each.hub for each in sign_all(stick, site, RIGHT.now().wall_ms)] == ["hub-1"]


def test_s12_what_is_hostile_on_a_stick_is_refused_and_the_rest_answered(site: Site, stick: Path) -> None:
    box = Box()
    leave(stick, "enrol", box.request, box.enrol(code_for(site, "hub-1")))
    (stick / "request-aa.json").write_bytes(b"[" * 30_000)
    (stick / "request-ab.json").write_bytes(b"x" * 1_000_000)
    (stick / "request-ac.json").symlink_to("/etc/passwd")
    os.mkfifo(stick / "request-ad.json")
    (stick / "request-ae.json").mkdir()
    (stick / "request-af.json").write_bytes(msgspec.json.encode(Carried(what="enrol", jws="x.y.z")))
    (stick / "decommissioned-hub-1.jws").write_bytes(b"")
    (stick / "holiday.jpg").write_bytes(b"not ours")
    done = sign_all(stick, site, RIGHT.now().wall_ms)
    assert [each.hub for each in done if each.hub] == ["hub-1"]
    assert len([each for each in done if each.refused]) == 7
    assert (stick / "holiday.jpg").read_bytes() == b"not ours"


def test_a_stick_without_requests_and_a_site_that_is_none(site: Site, stick: Path, tmp_path: Path) -> None:
    ran = CliRunner().invoke(sign, [str(stick), "--site", str(tmp_path / "site")])
    assert ran.exit_code == 0
    assert "enrol --stick" in ran.output
    assert CliRunner().invoke(sign, [str(stick), "--site", str(tmp_path / "nowhere")]).exit_code == 2
