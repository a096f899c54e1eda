"""Text messages as bytes: against real messages, against the simulated network, and against junk."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.sms import gsm7, pdu
from agent.sms.pdu import Deliver, PduError, StatusReport
from simulators.text_pdus import deliver, read_submit, status_report
from tests.support.examples import examples

GSM7_TEXT = st.text(st.sampled_from([each for each in map(chr, range(0x20AD)) if gsm7.encode(each)]), max_size=80)
ANY_TEXT = st.text(st.characters(codec="utf-16-be", exclude_categories=["Cs"]), max_size=35)

# Each as a real modem gave it, with what it says.
REAL = [
    pytest.param(
        "07916407058099F9040B916407950303F100008921222140140004D4E2940A",
        Deliver("+46705930301", "TEST"),
        id="the device vector",
    ),
    pytest.param(
        "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37",
        Deliver("27838890001", "hellohello"),
        id="a number of unknown plan",
    ),
    pytest.param(
        "0006D60B911326880736F4111011719551401110117195714000",
        StatusReport(0xD6, "+31628870634", delivered=True, failed=False),
        id="a status report",
    ),
]


@pytest.mark.parametrize(("message", "said"), REAL)
def test_real_messages_are_read(message: str, said: object) -> None:
    assert pdu.read(message) == said


def test_a_text_is_encoded_as_the_field_encodes_it() -> None:
    """The classic example's number, text and packing; with our hour of validity, and a report wanted."""
    submit = pdu.submit("+46708251358", "hellohello")
    assert submit.hex == "0031000B916407281553F800000B0AE8329BFD4697D9EC37"
    assert submit.octets == len(submit.hex) // 2 - 1


@pytest.mark.parametrize("body", ["{[€]} \\ ^ ~ |", "", "Zażółć gęślą jaźń", "مدد چاہیے", "😀"])
def test_what_is_sent_is_what_arrives(body: str) -> None:
    submit = pdu.submit("+441632960001", body)
    text = read_submit(submit.hex, 7)
    assert (text.number, text.body, text.report_wanted, text.valid_minutes) == ("+441632960001", body, True, 60)


@settings(max_examples=examples(100), deadline=None)
@given(GSM7_TEXT, st.integers(10**5, 10**14))
def test_any_plain_text_arrives_by_any_number(body: str, number: int) -> None:
    text = read_submit(pdu.submit(f"+{number}", body).hex, 7)
    assert (text.number, text.body, text.coding) == (f"+{number}", body, 0)
    assert pdu.read(deliver(f"+{number}", body)) == Deliver(f"+{number}", body)
    assert pdu.read(deliver(f"+{number}", body, part=2)) == Deliver(f"+{number}", body, 2)


@settings(max_examples=examples(100), deadline=None)
@given(ANY_TEXT)
def test_any_text_arrives(body: str) -> None:
    assert read_submit(pdu.submit("+441632960001", body).hex, 7).body == body
    assert pdu.read(deliver("+441632960001", body)) == Deliver("+441632960001", body)


def test_one_message_and_no_more() -> None:
    pdu.submit("+441632960001", "x" * 160)
    pdu.submit("+441632960001", "€" * 80)
    pdu.submit("+441632960001", "ł" * 70)
    for long in ("x" * 161, "€" * 81, "ł" * 71, "😀" * 36):
        with pytest.raises(PduError, match="does not fit one message"):
            pdu.submit("+441632960001", long)


@pytest.mark.parametrize("number", ["", "+", "12", "+44 1632", "0" * 16, "+44163296000x", "112\r", "+٤٤١٦٣٢٩٦٠"])
def test_a_number_that_is_none_is_refused_and_not_repeated(number: str) -> None:
    with pytest.raises(PduError) as refused:
        pdu.submit(number, "Hello")
    assert not number or number not in str(refused.value)


@pytest.mark.parametrize(
    ("status", "delivered", "failed"),
    [(0x00, True, False), (0x02, True, False), (0x20, False, False), (0x3F, False, False), (0x41, False, True)],
)
def test_what_a_status_report_says(status: int, delivered: bool, failed: bool) -> None:
    report = pdu.read(status_report(255, "+441632960001", status))
    assert report == StatusReport(255, "+441632960001", delivered=delivered, failed=failed)


def test_a_name_is_no_number_and_a_program_s_message_no_text() -> None:
    assert pdu.read(deliver("MyBank", "Pay!")) == Deliver("", "Pay!")
    ported = "07914407150000F0" + "44" + "0B914461320600F1" + "0004" + "62111261000000" + "0A" + "06050423F00000010203"
    assert pdu.read(ported) == Deliver("+44162360001", "")


@settings(max_examples=examples(300), deadline=None)
@given(st.binary(max_size=220))
def test_junk_is_refused_or_read_and_nothing_else(junk: bytes) -> None:
    for message in (junk.hex(), junk.decode("latin-1"), "0004" + junk.hex(), "0044" + junk.hex(), "0006" + junk.hex()):
        try:
            read = pdu.read(message)
        except PduError:
            continue
        if isinstance(read, Deliver):
            assert len(read.body) <= 260
            assert len(read.sender) <= 21


@settings(max_examples=examples(100), deadline=None)
@given(st.sampled_from([each.values[0] for each in REAL]), st.data())
def test_a_real_message_with_a_wrong_or_missing_octet_is_survived(message: str, data: st.DataObject) -> None:
    octets = bytearray.fromhex(message)
    octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    cut = octets[: data.draw(st.integers(0, len(octets)))]
    for each in (octets, cut):
        try:
            pdu.read(each.hex())
        except PduError:
            continue
