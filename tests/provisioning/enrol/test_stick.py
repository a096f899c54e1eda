"""Enrolment without a network: the request goes to the site on a stick, and the answer comes back the same way."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from agent.config import load
from agent.wire.enrolment import Answer
from centre.site.signing import sign_all
from centre.site.site import Site
from provisioning.provision.answers import AnswerError
from provisioning.provision.client import RefusedError
from provisioning.provision.enrol import enrol
from provisioning.provision.stick import StickError
from tests.support.enrolling import RIGHT, Off, code_for, enrolled, make_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with closing(make_site(tmp_path / "site")) as made:
        yield made


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


def answered(site: Site, stick: Path) -> None:
    assert all(not each.refused for each in sign_all(stick, site, RIGHT.now().wall_ms))


def test_there_and_back_again(site: Site, stick: Path, home: Path) -> None:
    code = code_for(site, "hub-1")
    line = ["--config", str(home / "hub.toml"), "--stick", str(stick)]
    ran = CliRunner().invoke(enrol, line, input=str(code))
    assert ran.exit_code == 0
    assert "provision sign" in ran.output
    (request,) = stick.iterdir()
    assert code.secret.hex() not in request.read_text()
    assert str(code).split("#")[1] not in request.read_text() + ran.output
    again = CliRunner().invoke(enrol, line)  # too soon: nothing changes
    assert again.exit_code == 0
    answered(site, stick)
    assert CliRunner().invoke(enrol, line).exit_code == 0
    assert load(home / "hub.toml").hub == "hub-1"
    assert not list(stick.iterdir())


def test_s6_the_box_may_be_years_off_and_the_journey_take_days(site: Site, stick: Path, home: Path) -> None:
    enrolled(home, code_for(site, "hub-1"), Off(-9 * 365 * 86_400_000), stick)
    answered(site, stick)
    assert enrolled(home, None, Off(), stick).new


def test_s8_another_sites_answer_is_not_taken(site: Site, stick: Path, home: Path, tmp_path: Path) -> None:
    enrolled(home, code_for(site, "hub-1"), stick=stick)
    answered(site, stick)
    (path,) = stick.glob("answer-*")
    good = path.read_bytes()
    answer = msgspec.json.decode(good, type=Answer)
    with closing(make_site(tmp_path / "theirs")) as theirs:
        forged = msgspec.structs.replace(answer, word=theirs.word(RIGHT.now().wall_ms), issuing=theirs.issuing_pem)
    path.write_bytes(msgspec.json.encode(forged))
    with pytest.raises(AnswerError, match="not from the site that made this code"):
        enrolled(home, None, stick=stick)
    path.write_bytes(b"junk")
    with pytest.raises(StickError, match="not what a site writes"):
        enrolled(home, None, stick=stick)
    path.write_bytes(good)
    assert enrolled(home, None, stick=stick).new  # nothing was lost by it


def test_what_is_told_from_a_stick_commands_no_terminal(site: Site, stick: Path, home: Path) -> None:
    enrolled(home, code_for(site, "hub-1"), stick=stick)
    (request,) = stick.iterdir()
    refusal = {"title": "x", "status": 409, "detail": "\x1b[2JAll is well.", "code": "used"}
    (stick / request.name.replace("request", "refused")).write_bytes(msgspec.json.encode(refusal))
    with pytest.raises(StickError, match="not what a site writes"):
        enrolled(home, None, stick=stick)


def test_a_refusal_on_the_stick_is_told_and_the_next_code_taken(site: Site, stick: Path, home: Path) -> None:
    bad = code_for(site, "hub-1")._replace(secret=bytes(10))
    enrolled(home, bad, stick=stick)
    sign_all(stick, site, RIGHT.now().wall_ms)
    with pytest.raises(RefusedError):
        enrolled(home, None, stick=stick)
    assert (home / "keys.new" / "hub.key").exists(), "anybody may have written that: the keys may be a hub's already"
    enrolled(home, code_for(site, "hub-1"), stick=stick)
    sign_all(stick, site, RIGHT.now().wall_ms)
    assert enrolled(home, None, stick=stick).new
