"""A hub renews: by the real site's answers, on a clock that is moved by hand, at a broker that takes it or does not."""

import contextlib
import os
import shutil
import signal
import ssl
from pathlib import Path
from typing import cast

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec.structs import replace

from agent.certificates import read_renewal, unrenewed
from agent.config import load
from agent.status import RENEWAL_FILE
from agent.uplink.trying import Tried
from agent.wire.enrolment import Answer, SiteWord, WayIn
from agent.wire.papers import SiteAnswer
from centre.site.settings import FILE, write_settings
from centre.site.signing import sign_all
from provisioning.provision.answers import prove_word
from provisioning.provision.folder import FolderError, HubFolder
from provisioning.provision.pair import Pair
from provisioning.provision.renewing import Renewal
from tests.support.killed import every_kill, killed_at
from tests.support.renewing import DAY_MS, HUB, HandClock, Home, away, refuses, takes
from tests.support.sites import FIRST_WORD, SETTINGS, signed

HOUR_MS = DAY_MS // 24
DUE_DAYS = 276


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def due(home: Home) -> Home:
    """A home whose certificate is due for renewal."""
    home.clock.later(DUE_DAYS * DAY_MS)
    return home


def pair(home: Home) -> bytes:
    """Load the pair as the hub would; give the certificate."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(home.keys / "uplink.pem", home.keys / "uplink.key")
    return home.content("uplink.pem")


def word(home: Home) -> SiteWord:
    root = home.content("ca.pem").decode().split("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n"
    return prove_word(home.content("site.jws").decode(), issuing=home.content("site-issuing.pem").decode(), root=root)


def failing_days(home: Home) -> tuple[int, str]:
    return unrenewed(read_renewal(home.state / RENEWAL_FILE), home.clock.true_ms)


def change(home: Home, **settings: object) -> None:
    (home.site_folder / FILE).write_text(write_settings(replace(SETTINGS, **settings)))


# --- nothing due, due -----------------------------------------------------------------------------------


def test_most_runs_do_nothing(home: Home) -> None:
    before = pair(home)
    for _ in range(3):
        assert home.renew().outcome == "nothing"
        home.clock.later(60 * DAY_MS)
    assert (pair(home), home.restart(), home.tried) == (before, None, [])


def test_what_is_due_is_renewed_with_a_key_of_its_own_tried_before_it_is_used(due: Home) -> None:
    before, key = pair(due), due.content("uplink.key")
    seen: list[bytes] = []

    def broker(uplink: object) -> Tried:
        assert pair(due) == before, "tried before it is in place"
        seen.append(uplink.certificate.read_bytes())  # type: ignore[attr-defined]
        return Tried("main", "taken")

    due.broker = broker
    result = due.renew()
    assert (result.outcome, result.restart, due.restart()) == ("renewed", True, "certificate")
    assert pair(due) == seen[0] != before
    assert due.content("uplink.key") != key
    assert (due.keys / "uplink.previous" / "uplink.key").read_bytes() == key
    assert result.ends_ms > due.clock.true_ms + 364 * DAY_MS
    assert due.renew().outcome == "nothing"
    with contextlib.closing(due.site()) as site:
        record = site.hub(HUB)
        assert record is not None
        assert record.renewed_ms == due.clock.true_ms


def test_force_renews_what_is_not_due(home: Home) -> None:
    before = pair(home)
    home.clock.later(DAY_MS)
    assert home.renew(force=True).outcome == "renewed"
    assert pair(home) != before


def test_s6_a_certificate_from_a_site_whose_clock_was_ahead_is_replaced_when_it_is_right(home: Home) -> None:
    """No broker takes what is not good yet, and the right one ends before it."""
    home.clock.later(-400 * DAY_MS)
    before = pair(home)
    assert home.renew().outcome == "renewed"
    assert pair(home) != before
    assert home.renew().outcome == "nothing"


def test_a_box_that_is_no_hub_is_told_to_enrol(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text("")
    with pytest.raises(FolderError, match="enrol comes first"):
        Renewal(HubFolder(tmp_path / "hub.toml"), HandClock()).run()


# --- a month without ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("from_day", "days"), [(DUE_DAYS, 33), (360, 12)], ids=["in the margin", "until it expired"])
def test_s7_renewal_that_is_impossible_is_told_after_a_week_and_recovers_by_itself(
    home: Home, from_day: int, days: int
) -> None:
    due = home
    due.clock.later(from_day * DAY_MS)
    before, due.down, told = pair(due), True, list[bool]()
    runs = 4 if from_day > DUE_DAYS else 2
    for _day in range(days):
        for _ in range(runs):  # as the timer does
            assert due.renew().outcome in ("failed", "waiting")
            due.clock.later(DAY_MS // runs)
        told.append(failing_days(due)[0] >= 7)
        assert pair(due) == before
    assert told.index(True) == 6
    assert all(told[6:])
    assert failing_days(due) == (days, "no way to the service")
    assert len(due.asked) <= 2 * days if from_day == DUE_DAYS else len(due.asked) >= 3 * days, "oftener near the end"
    assert due.restart() is None
    due.down = False
    due.clock.later(DAY_MS)
    assert due.renew().outcome == "renewed"
    assert (failing_days(due), due.restart()) == ((0, ""), "certificate")
    assert pair(due) != before


def test_a_service_that_is_down_while_nothing_is_due_is_no_fault(home: Home) -> None:
    home.down = True
    assert home.renew().outcome == "nothing"
    home.clock.later(DAY_MS)
    assert failing_days(home)[1] != "no way to the service"


def test_a_revoked_hub_is_told_so_and_keeps_what_it_has(due: Home) -> None:
    before = pair(due)
    with contextlib.closing(due.site()) as site:
        site.revoke(HUB, due.clock.true_ms)
    result = due.renew()
    assert (result.outcome, result.why) == ("failed", "the service refuses")
    assert pair(due) == before


# --- the broker ------------------------------------------------------------------------------------------


def test_what_the_broker_does_not_take_is_not_used_and_asked_for_anew_later(due: Home) -> None:
    before, due.broker = pair(due), refuses
    result = due.renew()
    assert (result.outcome, result.why, result.restart) == ("failed", "the broker refuses", False)
    assert (pair(due), due.restart()) == (before, None)
    assert due.renew().outcome == "waiting"
    due.clock.later(DAY_MS)
    assert due.renew().outcome == "failed"
    assert len({before, *due.tried}) == 3
    due.broker = takes
    assert due.renew(force=True).outcome == "renewed"


def test_a_line_that_is_down_costs_no_second_certificate(due: Home) -> None:
    due.broker = away
    for _ in range(4):
        assert due.renew().why == "no way to the broker"
        due.clock.later(DAY_MS)
    due.broker = takes
    assert due.renew().outcome == "renewed"
    with contextlib.closing(due.site()) as site:
        assert len(site.hubs()) == 1
        assert site._registry.known(HUB, due.clock.true_ms).renewals <= 1  # type: ignore[union-attr]


@pytest.mark.parametrize(("left", "outcome"), [(89, "failed"), (20, "renewed")])
def test_near_the_end_one_way_that_takes_it_is_enough(home: Home, left: int, outcome: str) -> None:
    text = home.folder.config.read_text()
    home.folder.config.write_text(text + text[text.index("[[uplink]]") :].replace('name = "main"', 'name = "4g"'))
    home.clock.later((365 - left) * DAY_MS)
    home.broker = lambda uplink: takes(uplink) if uplink.name == "main" else refuses(uplink)
    assert home.renew().outcome == outcome


# --- what the site answers ---------------------------------------------------------------------------------


def test_s8_an_answer_for_another_key_or_hub_or_one_that_ends_sooner_is_not_used(due: Home) -> None:
    before = pair(due)

    def forged(**change: object) -> None:
        due.forge = lambda answer: replace(cast("Answer", answer), **change)
        result = due.renew(force=True)
        assert (result.outcome, result.why) == ("failed", "the answer is not proven")
        assert (pair(due), due.restart(), due.tried) == (before, None, [])

    forged(certificate=before.decode())
    forged(hub="hub-2")
    forged(request="abc")
    forged(issuing=before.decode())
    due.forge = lambda answer: answer
    due.clock.later(-DUE_DAYS * DAY_MS)  # a site whose clock is behind gives what ends no later
    assert "clock" in due.renew(force=True).told
    assert pair(due) == before


# --- what the site says anew -------------------------------------------------------------------------------


def test_s8_the_centres_key_changes_in_two_steps_and_each_is_taken_over(home: Home) -> None:
    first, other_uplinks = home.content("centre-1.pem"), load(home.folder.config).uplinks
    with contextlib.closing(home.site()) as site:
        site.rotate_centre_key("add", home.clock.true_ms)
        result = home.renew()
        assert (result.outcome, result.word, home.restart()) == ("taken-over", FIRST_WORD + 1, "certificate")
        assert [each.name for each in load(home.folder.config).keys.centre] == ["centre-1.pem", "centre-2.pem"]
        assert home.content("centre-1.pem") == first
        assert home.renew().outcome == "nothing"
        site.rotate_centre_key("finish", home.clock.true_ms, now=True)
        assert home.renew().outcome == "taken-over"
        assert [each.name for each in load(home.folder.config).keys.centre] == ["centre-2.pem"]
        assert home.content("centre-2.pem").decode() == word(home).centre[0]
        site.rotate_centre_key("add", home.clock.true_ms)
        home.renew()
        assert [each.name for each in load(home.folder.config).keys.centre] == ["centre-2.pem", "centre-1.pem"]
        assert home.content("centre-1.pem") not in (first, home.content("centre-2.pem"))
    assert home.tried == [], "a key of the centre's says nothing of the broker"
    assert load(home.folder.config).uplinks == other_uplinks
    assert "# Made by the installer." in home.folder.config.read_text()


def test_s9_an_older_word_never_replaces_a_newer_one(home: Home) -> None:
    with contextlib.closing(home.site()) as site:
        old = SiteAnswer(word=site.word(home.clock.true_ms), issuing=site.issuing_pem)
        site.rotate_centre_key("add", home.clock.true_ms)
    home.renew()
    text, home.said = home.folder.config.read_text(), old
    assert home.renew().outcome == "nothing"
    assert (home.folder.config.read_text(), word(home).version) == (text, FIRST_WORD + 1)


@pytest.mark.parametrize("by", ["hub", "broker", "stranger"])
def test_s8_a_word_that_is_not_the_issuing_authoritys_is_refused(home: Home, tmp_path: Path, by: str) -> None:
    with contextlib.closing(home.site()) as site:
        server = site.server("broker", home.clock.true_ms)
    if by == "hub":
        chain, key = home.content("uplink.pem").decode(), home.content("uplink.key")
    elif by == "broker":
        chain, key = server.certificate.read_text(), server.key.read_bytes()
    else:
        (tmp_path / "stranger").mkdir()
        other = Home(tmp_path / "stranger")
        chain, key = (
            other.content("site-issuing.pem").decode(),
            (other.site_folder / "issuing/issuing.key").read_bytes(),
        )
    newer = replace(word(home), version=9, centre=word(home).centre, enrolment="evil.example:1")
    end = "-----END CERTIFICATE-----\n"
    jws = signed(load_pem_private_key(key, None), msgspec.json.encode(newer)).decode()  # type: ignore[arg-type]
    before = home.folder.config.read_text(), home.content("site.jws")
    home.said = SiteAnswer(word=jws, issuing=chain.split(end)[0] + end)
    result = home.renew()
    assert (result.outcome, result.why) == ("failed", "the answer is not proven")
    assert (home.folder.config.read_text(), home.content("site.jws")) == before
    home.clock.later(8 * DAY_MS)
    assert failing_days(home) == (8, "the answer is not proven"), "the centre must know that somebody forges"


def test_a_broker_that_moves_is_tried_before_it_is_gone_to(home: Home) -> None:
    change(home, way=(WayIn(host="new.example", port=443),))
    home.broker = away
    result = home.renew()
    assert (result.outcome, result.why) == ("failed", "no way to the broker")
    assert [each.host for each in load(home.folder.config).uplinks] == ["localhost"]
    home.broker = lambda uplink: takes(uplink) if uplink.host == "new.example" else refuses(uplink)
    home.clock.later(DAY_MS)
    assert home.renew().outcome == "taken-over"
    assert [(each.host, each.port) for each in load(home.folder.config).uplinks] == [("new.example", 443)]
    assert home.restart() == "certificate", "it may be what delivery needs (S10)"


def test_a_broker_that_moved_while_the_certificate_expired_is_found_with_the_new_one(home: Home) -> None:
    change(home, way=(WayIn(host="new.example"),))
    home.clock.later(500 * DAY_MS)
    expired = pair(home)

    def broker(uplink: object) -> Tried:
        new = uplink.certificate.read_bytes() != expired  # type: ignore[attr-defined]
        return Tried("main", "taken" if new and uplink.host == "new.example" else "refused")  # type: ignore[attr-defined]

    home.broker = broker
    result = home.renew()
    assert (result.outcome, result.word) == ("renewed", home.clock.true_ms // 1_000)
    assert [each.host for each in load(home.folder.config).uplinks] == ["new.example"]


STANDBY = 'standby = true\ninterface = "wwan0"\naddress = "127.0.0.1"'


def test_a_configuration_that_the_hub_could_not_read_is_not_taken_over(home: Home) -> None:
    text = home.folder.config.read_text()
    text += text[text.index("[[uplink]]") :].replace('name = "main"', f'name = "4g"\n{STANDBY}')
    home.folder.config.write_text(text)
    change(home, way=(WayIn(name="4g", host="localhost"),))
    result = home.renew()
    assert (result.outcome, result.why) == ("failed", "hub.toml cannot be changed")
    assert home.folder.config.read_text() == text


# --- clocks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong_days", [-20_000, -400, 400, 4_000])
def test_s6_a_clock_that_is_years_wrong_renews_neither_too_soon_nor_too_late(home: Home, wrong_days: int) -> None:
    home.clock.synced, home.clock.wrong_ms = False, wrong_days * DAY_MS
    assert home.renew().outcome == "nothing"
    assert home.tried == []
    home.clock.later(DUE_DAYS * DAY_MS)
    assert home.renew().outcome == "renewed"
    assert pair(home)
    home.clock.synced, home.clock.wrong_ms = True, 0
    home.clock.later(DAY_MS)
    assert failing_days(home)[0] == 1, "what was noted meanwhile was dated by the service"


def test_s6_without_a_clock_and_a_service_nothing_is_judged(due: Home) -> None:
    due.clock.synced, due.clock.wrong_ms, due.down = False, -20_000 * DAY_MS, True
    assert due.renew().outcome == "nothing"
    due.clock.synced, due.clock.wrong_ms = True, 0
    assert failing_days(due) == (0, "")


def test_a_clock_that_is_an_hour_wrong_and_trusted_renews_by_the_services_time(due: Home) -> None:
    due.clock.wrong_ms = HOUR_MS
    assert due.renew().outcome == "renewed"


# --- by stick ----------------------------------------------------------------------------------------------


def test_a_hub_without_a_way_to_the_service_renews_by_stick(due: Home, tmp_path: Path) -> None:
    due.down = True
    stick, before = tmp_path / "usb", pair(due)
    stick.mkdir()
    assert due.renew(stick=stick).outcome == "asked"
    assert due.renew(stick=stick).outcome == "asked", "twice: the same request"
    assert len(list(stick.iterdir())) == 1
    with contextlib.closing(due.site()) as site:
        site.rotate_centre_key("add", due.clock.true_ms)
        due.clock.later(3 * DAY_MS)
        assert [each.hub for each in sign_all(stick, site, due.clock.true_ms)] == [HUB]
    assert due.renew(stick=stick).outcome == "renewed"
    assert (list(stick.iterdir()), due.asked, due.restart()) == ([], [], "certificate")
    assert pair(due) != before
    assert len(word(due).centre) == 2, "what the site says came with it"
    assert due.renew(stick=stick).outcome == "nothing"


# --- cut off -----------------------------------------------------------------------------------------------


def test_killed_as_soon_as_the_new_pair_is_in_place_the_restart_is_wanted_by_the_next_run(due: Home) -> None:
    old = pair(due)

    def die(ours: Pair) -> None:
        if ours.beside("now").is_symlink():
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        pytest.MonkeyPatch().setattr("provisioning.provision.pair.finish", die)
        due.renew()

    assert killed_at(10_000, work)
    new = pair(due)
    assert new != old
    assert due.restart() is None
    assert due.renew().outcome == "nothing"
    assert (pair(due), due.restart()) == (new, "certificate")
    assert not due.keys.joinpath("uplink.next").exists()


STEP = int(os.environ.get("HEARTHLINE_EVERY_KILL", "7"))
"""Every seventh change, to spare time; 1 for all of them. Those of the pair itself are all in test_pair.py."""


def test_killed_at_every_step_the_hub_can_start_and_the_next_run_ends_it(due: Home, tmp_path: Path) -> None:
    with contextlib.closing(due.site()) as site:
        site.rotate_centre_key("add", due.clock.true_ms)
    change(due, way=(WayIn(host="new.example"),))
    old, saved = pair(due), tmp_path / "saved"
    for each in ("hub", "site"):
        shutil.copytree(tmp_path / each, saved / each, symlinks=True)
    kills = 0
    for _ in every_kill(due.renew, step=STEP):
        kills += 1
        config = load(due.folder.config)
        assert pair(due)
        assert all(each.read_text().startswith("-----BEGIN PUBLIC KEY") for each in config.keys.centre)
        changed = pair(due) != old or config.uplinks[0].host != "localhost"
        result = due.renew()
        assert result.outcome in ("renewed", "nothing"), result
        assert pair(due) != old
        assert load(due.folder.config).uplinks[0].host == "new.example"
        assert len(load(due.folder.config).keys.centre) == 2
        assert word(due).version == due.clock.true_ms // 1_000
        assert due.restart() is not None or not changed
        assert failing_days(due) == (0, "")
        left = {each.name for each in due.keys.iterdir()} | {each.name for each in due.folder.folder.iterdir()}
        assert not {each for each in left if each.endswith((".new", ".next", ".owed", ".checked", ".next.pem"))}, left
        for each in ("hub", "site"):
            shutil.rmtree(tmp_path / each)
            shutil.copytree(saved / each, tmp_path / each, symlinks=True)
    assert kills > 40 / STEP
