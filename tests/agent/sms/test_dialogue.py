"""The dialogue with a modem, in virtual time: setting up, sending, receiving, supervision, and what goes wrong."""

import random
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.sms import pdu
from agent.sms.answers import LINE_BYTES_MAX, Lines
from agent.sms.conversation import ANSWER_MS
from agent.sms.dialogue import HELD_MS, INDICATED_MAX, LOOK_MS, SEARCH_MS, SENDING_MS, SWEEP_MS
from agent.sms.outcomes import Came, Dead, Delivered, Failed, Fit, Outgoing, Sent, Stored, Unfit
from simulators.modem import PLACES, ModemCore
from simulators.text_pdus import GIVEN_UP, STILL_TRYING
from tests.agent.sms.bench import ANNA, BEN, Bench, Pins, drip, whole
from tests.support.examples import examples

HELLO = pdu.submit(ANNA, "Hello")


# --- set up, send, deliver --------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [whole, drip])
def test_a_text_is_sent_and_delivered(cut: Callable[[bytes], Iterable[bytes]]) -> None:
    bench = Bench(cut=cut).ready()
    assert bench.outcomes == [Fit()]
    assert bench.dialogue.signal_dbm == -73
    bench.send()
    assert [(each.number, each.body) for each in bench.core.sent] == [(ANNA, "Hello")]
    assert bench.of(Sent, Delivered, Failed, Dead) == [Sent("t1"), Delivered("t1")]


def test_the_modem_is_set_up_in_order() -> None:
    bench = Bench().ready()
    set_up = ["AT", "ATE0", "AT+CMEE=1", "AT+CPIN?", "AT+CMGF=0", "AT+CNMI=2,1,0,1,0"]
    assert bench.core.commands[: len(set_up)] == set_up


def test_a_text_whose_process_died_at_the_prompt_is_broken_off() -> None:
    core = Bench().ready().core
    core.feed(f"AT+CMGS={HELLO.octets}\r{HELLO.hex[:10]}".encode())
    bench = Bench(core).ready()
    bench.send()
    assert [each.body for each in core.sent] == ["Hello"]
    assert bench.of(Sent, Dead) == [Sent("t1")]


@pytest.mark.parametrize("moment", ["AT+CMGS", "PDU"])
@pytest.mark.parametrize("cut", [whole, drip])
def test_what_comes_in_the_middle_of_sending_is_read_afterwards(
    moment: str, cut: Callable[[bytes], Iterable[bytes]]
) -> None:
    bench = Bench(cut=cut).ready()
    bench.core.when(moment, lambda: bench.core.receive(BEN, "1 42"))
    bench.send()
    assert bench.of(Sent, Failed, Dead) == [Sent("t1")]
    assert [(each.sender, each.body) for each in bench.came] == [(BEN, "1 42")]


def test_a_report_in_the_middle_of_the_next_text_is_its_own() -> None:
    bench = Bench().ready()
    bench.core.reports = False
    bench.send("t1")
    bench.core.when("PDU", lambda: bench.core.report(bench.core.sent[0]))
    bench.send("t2", BEN)
    assert bench.of(Sent, Delivered, Failed) == [Sent("t1"), Delivered("t1"), Sent("t2")]


@pytest.mark.parametrize(
    ("error", "words"),
    [(38, "the network is out of order"), (330, "no service centre"), (331, "not registered"), (9_999, "error 9999")],
)
def test_a_refused_text_fails_in_words_and_the_next_one_goes(error: int, words: str) -> None:
    bench = Bench().ready()
    bench.core.refuse(1, error)
    bench.send("t1")
    bench.send("t2")
    (failed,) = bench.of(Failed)
    assert isinstance(failed, Failed)
    assert failed.text == "t1"
    assert words in failed.reason
    assert bench.of(Sent, Dead) == [Sent("t2")]


def test_s3_a_text_without_the_network_s_number_for_it_is_not_taken_as_sent() -> None:
    bench = Bench().ready()
    bench.core.when("PDU", lambda: setattr(bench.core, "mute", True))
    bench.send()
    bench.hear(b"\r\nOK\r\n")
    assert bench.of(Sent, Failed) == [Failed("t1", "the modem did not say that it was sent")]


def test_a_number_that_is_none_fails_by_itself() -> None:
    bench = Bench().ready()
    bench.send("t1", "not a number")
    bench.send("t2")
    assert bench.of(Failed) == [Failed("t1", "the contact's number is not a telephone number")]
    assert bench.of(Sent) == [Sent("t2")]


def test_what_the_network_says_later() -> None:
    bench = Bench().ready()
    bench.core.reports = False
    for text in ("t1", "t2"):
        bench.send(text)
    one, two = bench.core.sent
    bench.core.report(one, STILL_TRYING)
    bench.core.report(two, GIVEN_UP)
    bench.air()
    assert bench.of(Delivered, Failed) == [Failed("t2", "the network could not deliver it")]
    bench.core.report(one)
    bench.core.report(one)  # S4: told twice
    bench.air()
    assert bench.of(Delivered) == [Delivered("t1")]


def test_a_report_of_another_telephone_is_nobody_s() -> None:
    bench = Bench().ready()
    bench.core.reports = False
    bench.send()
    (text,) = bench.core.sent
    bench.core.report(type(text)(BEN, "", text.reference))
    bench.air()
    assert bench.of(Delivered) == []


def test_a_modem_that_only_stores_its_reports_is_asked_for_them() -> None:
    core = ModemCore(lambda _: None)
    core.unknown.add("AT+CNMI=2,1,0,1,0")
    bench = Bench(core).ready()
    for text in ("t1", "t2"):
        bench.send(text)
    assert bench.of(Sent, Delivered) == [Sent("t1"), Delivered("t1"), Sent("t2"), Delivered("t2")]
    assert core.stores["SR"] == {}


def test_a_modem_that_announces_nothing_is_looked_through_all_the_time() -> None:
    core = ModemCore(lambda _: None)
    core.unknown |= {f"AT+CNMI={how}" for how in ("2,1,0,1,0", "2,1,0,2,0", "2,1,0,0,0", "1,1,0,0,0")}
    bench = Bench(core)
    bench.wait(30_000)
    bench.send()
    core.receive(ANNA, "1 42")
    bench.wait(LOOK_MS)
    assert bench.of(Fit, Sent, Dead) == [Fit(), Sent("t1")]
    assert [each.body for each in bench.came] == ["1 42"]


# --- S7: a modem that dies is noticed within a stated time ----------------------------------------------


def test_s7_a_modem_that_hangs_is_noticed_within_30_s() -> None:
    bench = Bench().ready()
    bench.core.mute = True
    bench.wait(LOOK_MS + ANSWER_MS)
    assert LOOK_MS + ANSWER_MS == 30_000
    assert bench.dead == "no answer to AT+CPIN? in 10 s"


def test_s7_a_modem_that_never_answers_is_noticed_within_11_s() -> None:
    core = ModemCore(lambda _: None)
    core.mute = True
    bench = Bench(core)
    bench.wait(11_000)
    assert bench.dead.startswith("no answer to AT in 10 s")


@pytest.mark.parametrize(("moment", "ms"), [("AT+CMGS", ANSWER_MS), ("PDU", SENDING_MS)])
def test_s7_a_modem_that_hangs_over_a_text_fails_it_with_a_reason(moment: str, ms: int) -> None:
    bench = Bench().ready()
    bench.core.when(moment, lambda: setattr(bench.core, "mute", True))
    bench.send()
    bench.wait(ms - 1)
    assert bench.of(Failed, Dead) == []
    bench.wait(1)
    (failed, dead) = bench.of(Failed, Dead)
    assert isinstance(failed, Failed)
    assert failed.text == "t1"
    assert "no answer to" in failed.reason
    assert isinstance(dead, Dead)
    assert ANNA not in failed.reason + dead.reason  # S11


def test_s7_a_modem_that_is_pulled_fails_its_text_at_once() -> None:
    bench = Bench().ready()
    bench.core.when("PDU", lambda: setattr(bench.core, "mute", True))
    bench.send()
    bench.take(bench.dialogue.pulled("it was pulled out", bench.now_ms))
    assert bench.of(Failed, Dead) == [Failed("t1", "it was pulled out"), Dead("it was pulled out")]
    bench.take(bench.dialogue.pulled("again", bench.now_ms))
    assert len(bench.of(Failed, Dead)) == 2
    assert bench.dialogue.due() is None


@pytest.mark.parametrize("moment", ["", "PDU"])
def test_s7_a_modem_that_restarted_by_itself_is_set_up_again(moment: str) -> None:
    """Its power failed for a moment while its port stayed: it has forgotten how to give texts."""
    bench = Bench().ready()
    if moment:
        bench.core.when(moment, bench.core.restart)
        bench.send()
    else:
        bench.core._power_on()  # without a word: its echo gives it away
        bench.wait(LOOK_MS)
    assert bench.dead == "it restarted by itself"
    again = Bench(bench.core, now_ms=bench.now_ms).ready()
    again.send("t2")
    assert again.of(Sent) == [Sent("t2")]


# --- the SIM and its PIN ----------------------------------------------------------------------------


def test_s7_a_missing_sim_is_told_and_one_put_in_is_found() -> None:
    core = ModemCore(lambda _: None)
    core.sim = False
    bench = Bench(core).ready()
    assert bench.outcomes == [Unfit("there is no SIM card in it")]
    core.sim = True
    bench.wait(11_000)
    assert bench.outcomes[1:] == [Fit()]


def test_s7_a_sim_taken_out_is_noticed() -> None:
    bench = Bench().ready()
    bench.core.sim = False
    bench.wait(LOOK_MS)
    assert bench.outcomes == [Fit(), Unfit("there is no SIM card in it")]


def test_the_pin_is_given_when_it_is_asked_for() -> None:
    core, pins = ModemCore(lambda _: None, pin="1234"), Pins("1234")
    bench = Bench(core, pins).ready()
    assert bench.outcomes == [Fit()]
    assert pins.right
    core.restart()
    assert Bench(core, pins).ready().outcomes == [Fit()]  # a right one may be given again


def test_a_wrong_pin_is_tried_once_whatever_happens_after() -> None:
    core, pins = ModemCore(lambda _: None, pin="1234"), Pins("9999")
    now_ms = 0
    for _ in range(5):
        bench = Bench(core, pins, now_ms=now_ms)
        bench.wait(120_000)
        assert bench.of(Unfit, Fit, Dead) == [Unfit("there is no PIN to try")]
        now_ms = bench.now_ms
        core._power_on()
    assert core.attempts == 2
    assert [each for each in core.commands if each.startswith("AT+CPIN=")] == ['AT+CPIN="9999"']


def test_the_last_attempt_is_never_used() -> None:
    core = ModemCore(lambda _: None, pin="1234")
    core.attempts = 1
    bench = Bench(core, Pins("1234")).ready()
    (unfit,) = bench.outcomes
    assert isinstance(unfit, Unfit)
    assert "one attempt" in unfit.reason
    assert core.attempts == 1


def test_a_locked_sim_is_told_and_left_alone() -> None:
    core = ModemCore(lambda _: None, pin="1234")
    core.attempts = 0
    bench = Bench(core, Pins("1234"))
    bench.wait(60_000)
    assert bench.outcomes == [Unfit("the SIM card is locked: it wants its PUK, which its owner has")]
    assert not [each for each in core.commands if each.startswith("AT+CPIN=")]


# --- the network -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "words"), [(0, "not looking"), (2, "no network found"), (3, "refuses the SIM")])
def test_s7_no_network_is_told_after_a_minute_and_its_return_at_once(state: int, words: str) -> None:
    core = ModemCore(lambda _: None)
    core.registration = state
    bench = Bench(core)
    bench.wait(SEARCH_MS)
    assert SEARCH_MS == 60_000
    assert bench.outcomes == []
    bench.wait(6_000)
    (unfit,) = bench.outcomes
    assert isinstance(unfit, Unfit)
    assert words in unfit.reason
    core.registration = 5
    bench.wait(5_000)
    assert bench.outcomes[1:] == [Fit()]


def test_a_text_fails_at_once_while_there_is_no_network_and_goes_once_there_is() -> None:
    core = ModemCore(lambda _: None)
    core.registration = 2
    bench = Bench(core).ready()
    bench.send("t1")
    core.registration = 1
    bench.send("t2")
    assert bench.of(Sent, Failed, Fit) == [Failed("t1", "not registered with a network"), Fit(), Sent("t2")]


def test_a_signal_that_is_not_known_is_no_number() -> None:
    bench = Bench()
    bench.core.rssi = 99
    bench.ready()
    assert bench.dialogue.signal_dbm is None


# --- what comes in ------------------------------------------------------------------------------------


def test_what_came_while_nobody_listened_is_read_and_goes_when_it_is_kept() -> None:
    core = ModemCore(lambda _: None)
    core.receive(ANNA, "1 42")
    core.receive(BEN, "1 17", store="ME")
    bench = Bench(core).ready()
    one, two = bench.came
    assert (one, two) == (Came(ANNA, "1 42", Stored("SM", 0)), Came(BEN, "1 17", Stored("ME", 0)))
    assert core.stores["SM"]
    assert core.stores["ME"]  # S1: not before the commit
    bench.settle(one.stored)
    bench.settle(two.stored)
    assert not core.stores["SM"]
    assert not core.stores["ME"]


def test_s1_a_reply_that_nobody_could_keep_stays_in_the_modem_and_is_read_again() -> None:
    core = ModemCore(lambda _: None)
    core.receive(ANNA, "1 42")
    bench = Bench(core).ready()
    bench.settle(bench.came[0].stored, kept=False)
    bench.wait(SWEEP_MS)
    assert len(bench.came) == 2
    assert core.stores["SM"]


def test_a_reply_is_told_once_however_often_it_is_announced_and_listed() -> None:
    bench = Bench().ready()
    bench.core.receive(ANNA, "1 42")
    bench.core._tell('+CMTI: "SM",0')
    bench.air()
    bench.wait(HELD_MS - 1)
    bench.core._tell('+CMTI: "SM",0')
    bench.air()
    assert len(bench.came) == 1


def test_s12_a_store_does_not_fill_even_if_no_commit_ever_comes() -> None:
    core = ModemCore(lambda _: None)
    for _ in range(PLACES + 5):
        core.receive(ANNA, "Hello")
    assert len(core.waiting) == 5
    bench = Bench(core).ready()
    assert len(bench.came) == PLACES
    bench.wait(2 * SWEEP_MS)
    assert not core.waiting
    assert len(bench.came) == PLACES + 5
    bench.wait(2 * SWEEP_MS)
    assert core.stores["SM"] == {}


def test_s12_more_announcements_than_places_are_found_by_looking_through_the_store() -> None:
    core = ModemCore(lambda _: None)
    bench = Bench(core).ready()

    def flood() -> None:
        for number in range(60):
            core.receive(ANNA, f"{number}", store=("SM", "ME")[number % 2])

    core.when("PDU", flood)
    bench.send()
    assert INDICATED_MAX < 60 == len(bench.came)


def test_only_the_first_part_of_a_long_text_counts_and_none_stays() -> None:
    core = ModemCore(lambda _: None)
    core.receive(ANNA, "1 42 I am on my way and", part=1)
    core.receive(ANNA, "will bring the key", part=2)
    core.receive("MyBank", "Your balance")
    core.receive_pdu("0011000B91")  # somebody's draft
    bench = Bench(core).ready()
    assert [each.body for each in bench.came] == ["1 42 I am on my way and"]
    bench.settle(bench.came[0].stored)
    assert core.stores["SM"] == {}


def test_a_text_that_is_not_stored_first_is_taken_too() -> None:
    bench = Bench().ready()
    bench.core._tell("+CMT: ,23\r\n07916407058099F9040B916407950303F100008921222140140004D4E2940A")
    bench.air()
    assert bench.came == [Came("+46705930301", "TEST", None)]


def test_replies_and_texts_take_turns() -> None:
    bench = Bench().ready()

    def flood() -> None:
        for _ in range(5):
            bench.core.receive(BEN, "1 42")

    bench.core.when("PDU", flood)
    for number in range(5):
        bench.texts.append(Outgoing(f"t{number}", ANNA, "Hello"))
    bench.take(bench.dialogue.nudge(bench.now_ms))
    kinds = [type(each) for each in bench.of(Sent, Came)]
    assert kinds[:5] == [Sent, Came, Sent, Came, Sent]


# --- junk -------------------------------------------------------------------------------------------


def test_s12_a_line_without_an_end_is_dropped_and_counted_once() -> None:
    lines = Lines()
    for _ in range(1_000):
        assert lines.feed(b"x" * 999) == []
    assert lines.noise == 1
    assert lines.feed(b"\r\nOK\r\n") == ["OK"]
    assert lines.feed(b"y" * (LINE_BYTES_MAX + 1) + b"\nOK\n\xff\n\x00\n") == ["OK"]
    assert lines.noise == 4


NOISE = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            *(b"\r\n%s\r\n" % each for each in (b"RING", b"NO CARRIER", b"SMS DONE", b"+CMTI", b'+CMTI: "SM",9999')),
            *(b"\r\n%s\r\n" % each for each in (b"OK", b"ERROR", b"+CMS ERROR: 500", b"+CMGS: 7", b"+CPIN: NOT READY")),
            *(b"\r\n%s\r\n" % each for each in (b"+CMGL: 1,0,,5", b"+CMT: ,5", b"00", b"+CDS: 4", b"> ", b"RDY")),
            b"> ",
            b">",
            b"\x1b",
            b"\r\n" + HELLO.hex.encode() + b"\r\n",
        ]
    ),
)


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 2**32), st.lists(NOISE, max_size=30))
def test_every_text_gets_one_outcome_whatever_the_modem_says_and_the_next_opening_is_well(
    seed: int, noises: list[bytes]
) -> None:
    """Noise between the bytes, refusals, a power cut, hanging: a text is sent or has failed, or the modem is dead."""
    rng = random.Random(seed)

    def dirty(data: bytes) -> Iterable[bytes]:
        at = rng.randrange(len(data) + 1)
        yield data[:at]
        if noises and rng.random() < 0.3:
            yield noises.pop()
        yield data[at:]

    bench = Bench(cut=dirty)
    bench.core.refuse(rng.randrange(2))
    if rng.random() < 0.2:
        bench.core.when("AT+CMGS", lambda: setattr(bench.core, "mute", True))
    bench.wait(5_000)
    bench.core.receive(BEN, "1 42")
    bench.air()
    for number in range(5):
        bench.send(f"t{number}")
    bench.wait(120_000)
    ended = [each.text for each in bench.of(Sent, Failed) if isinstance(each, Sent | Failed)]
    assert len(set(ended)) == len(ended)
    if not bench.dead:
        assert set(ended) == {f"t{number}" for number in range(5)}
    else:
        assert set(ended) | {each.text for each in bench.texts} == {f"t{number}" for number in range(5)}
    bench.core.mute, bench.core._when = False, []
    again = Bench(bench.core, now_ms=bench.now_ms)
    again.wait(30_000)
    again.send("again")
    assert again.of(Sent, Failed)[0] in (Sent("again"), Failed("again", "error 38: the network is out of order"))


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.binary(max_size=600), max_size=20))
def test_nothing_but_junk_is_survived_and_ends_in_death(pieces: list[bytes]) -> None:
    core = ModemCore(lambda _: None)
    core.mute = True
    bench = Bench(core)
    for piece in pieces:
        bench.hear(piece)
        bench.wait(100)
    bench.wait(600_000)
    assert bench.dead or b"OK" in b"".join(pieces)
