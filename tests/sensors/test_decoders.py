"""The byte decoders: every vector, split anywhere, after noise, repeated, and arbitrary bytes."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from RFXtrx import lowlevel

from sensors import mr60, mr60fda2, rfxtrx
from sensors.driver import Observation
from sensors.frames import PAUSE_MS
from sensors.mr60 import Mr60Decoder
from sensors.mr60fda2 import Mr60Fda2Decoder
from sensors.rfxtrx import RfxtrxDecoder
from tests.sensors.vectors import (
    FDA2_ASK,
    FDA2_FALL,
    FDA2_NO_FALL,
    FDA2_PRESENCE,
    MR60_ASK,
    MR60_CLEARED,
    MR60_FALL,
    MR60_PRESENCE,
    RFXTRX,
    RFXTRX_NORMAL,
)

DECODERS: list[Callable[[], Any]] = [RfxtrxDecoder, Mr60Decoder, Mr60Fda2Decoder]
VECTORS = [
    *(
        pytest.param(RfxtrxDecoder, bytes.fromhex(data), (address, what, detail), id=name)
        for name, (data, address, what, detail) in RFXTRX.items()
    ),
    pytest.param(Mr60Decoder, MR60_FALL, ("radar", "active", "fall"), id="MR60FDA1 and C1001, fall"),
    pytest.param(Mr60Fda2Decoder, FDA2_FALL, ("radar", "active", "fall"), id="MR60FDA2, fall"),
]


def calls(seen: list[Observation]) -> list[tuple[str, str, str]]:
    return [(each.address, each.what, each.detail) for each in seen if each.what in {"trigger", "active"}]


def whats(seen: list[Observation]) -> dict[str, bool]:
    return {each.what: each.on for each in seen if each.what != "reading"}


@pytest.mark.parametrize(("make", "data", "call"), VECTORS)
def test_a_vector_gives_exactly_one_call_however_it_is_split(make: Any, data: bytes, call: Any) -> None:
    for split in range(len(data) + 1):
        decoder = make()
        seen = decoder.feed(data[:split], 0) + decoder.feed(data[split:], PAUSE_MS - 1)
        assert calls(seen) == [call]
        assert decoder.noise == 0


@pytest.mark.parametrize(("make", "data", "call"), VECTORS)
@pytest.mark.parametrize(
    "noise", ["00", "ff", "08", "0820", "0B11", "0D01", "53", "5359", "53598301003f", "01", "010000"]
)
def test_noise_and_a_pause_do_not_cost_the_next_frame(make: Any, data: bytes, call: Any, noise: str) -> None:
    decoder = make()
    seen = decoder.feed(bytes.fromhex(noise), 0) + decoder.feed(data, PAUSE_MS)
    assert calls(seen) == [call]
    assert decoder.noise in {1, 2}  # when it was read, and when what it seemed to begin was given up


@pytest.mark.parametrize(("make", "data", "call"), VECTORS)
def test_a_frame_behind_a_false_header_is_found_at_the_pause(make: Any, data: bytes, call: Any) -> None:
    header = {RfxtrxDecoder: "1352", Mr60Decoder: "53598301003f", Mr60Fda2Decoder: "0100000040010f"}[make]
    false = bytes.fromhex(header)
    if make is RfxtrxDecoder:
        false = bytes([0x24, 0x03])  # an "undecoded" frame of 36 bytes is on its way, it says
    if make is Mr60Fda2Decoder:
        false += bytes([mr60fda2._checksum(false)])
    decoder = make()
    assert calls(decoder.feed(false + data, 0)) == []  # it still waits for the rest
    assert decoder.due() == PAUSE_MS
    assert calls(decoder.settle(PAUSE_MS)) == [call]
    assert decoder.due() is None
    assert decoder.noise == 1


@pytest.mark.parametrize(("make", "data", "call"), VECTORS)
def test_5000_junk_frames_are_survived(make: Any, data: bytes, call: Any) -> None:
    decoder, seen, now = make(), [], 0
    for number in range(5_000):
        now += 7
        seen += decoder.feed(bytes((number * 31 + place * place) % 256 for place in range(number % 24)), now)
    assert call not in calls(seen)
    assert calls(decoder.feed(data, now + PAUSE_MS)) == [call]
    assert decoder.noise > 100


@pytest.mark.parametrize("make", DECODERS)
def test_s5_5000_junk_frames_take_a_small_part_of_the_second_they_come_in(make: Any) -> None:
    rng = random.Random(1)
    frames = [rng.randbytes(rng.randint(4, 24)) for _ in range(5_000)] + [bytes(20)] * 1_000
    decoder, began = make(), time.process_time()
    for start in range(0, len(frames), 50):
        decoder.feed(b"".join(frames[start : start + 50]), start // 5)
    assert time.process_time() - began < 0.15, "the event loop has other things to do"


@pytest.mark.parametrize("make", DECODERS)
@given(chunks=st.lists(st.tuples(st.binary(max_size=80), st.integers(0, 200)), max_size=40))
def test_arbitrary_bytes_never_raise_and_never_pile_up(make: Any, chunks: list[tuple[bytes, int]]) -> None:
    decoder, now = make(), 0
    for data, wait in chunks:
        for seen in decoder.feed(data, now):
            assert isinstance(seen, Observation)
        assert len(decoder._finder._buffer) <= 8 + 1_024 + 1
        now += wait
        if (due := decoder.due()) is not None and due <= now:
            decoder.settle(due)
            assert decoder.due() is None


@given(st.binary(min_size=2, max_size=36), st.sampled_from([0x01, 0x11, 0x13, 0x20, 0x50, 0x52, 0x5A, 0x71]))
def test_frames_of_a_plausible_header_never_raise(body: bytes, kind: int) -> None:
    decoder = RfxtrxDecoder()
    decoder.feed(bytes([len(body) + 1, kind]) + body, 0)
    decoder.settle(PAUSE_MS)


# --- RFXtrx ------------------------------------------------------------------------------------------


def rfx(data: str) -> list[Observation]:
    return RfxtrxDecoder().feed(bytes.fromhex(data), 0)


def test_an_ordinary_report_is_life_and_calls_nobody() -> None:
    assert whats(rfx(RFXTRX_NORMAL)) == {"clear": True, "tamper": False, "battery-low": False}


def test_panic_means_help_on_a_remote_and_smoke_on_a_smoke_detector() -> None:
    assert calls(rfx("0820024DD3DC540689")) == [("security1:d3dc54", "trigger", "panic")]
    assert calls(rfx("082003000102040670")) == [("security1:010204", "trigger", "smoke")]
    assert calls(rfx("082009000102040270")) == [("security1:010204", "trigger", "smoke")]  # Alecto says "alarm"
    assert calls(rfx("082003000102041770")) == []  # a KD101 being paired
    assert calls(rfx("082003000102040770")) == []
    assert "clear" not in whats(rfx("082003000102040070"))  # nothing was active, so nothing is cleared


def test_a_motion_detector_tells_motion_and_its_end() -> None:
    assert calls(rfx("082001001122330489")) == [("security1:112233", "active", "motion")]
    assert next(each.what for each in rfx("082001001122330589")) == "clear"
    assert calls(rfx("08200500A1B2C30289")) == [("security1:a1b2c3", "active", "alarm")]  # Visonic's


def test_tamper_bit_and_both_signs_of_a_low_battery() -> None:
    assert whats(rfx("08200405A1B2C38279")) == {"active": True, "tamper": True, "battery-low": False}
    assert whats(rfx("08200405A1B2C38070")) == {"clear": True, "tamper": True, "battery-low": True}
    assert whats(rfx("08200405A1B2C31679")) == {"alive": True, "tamper": False, "battery-low": True}


def test_off_is_not_a_press() -> None:
    assert calls(rfx("0B11002A0123456701000F70")) == []
    assert calls(rfx("0B11002A0123456701010F70")) == [("ac:1234567:1", "trigger", "on")]
    assert calls(rfx("0B11022A0123456701010F70")) == [("anslut:1234567:1", "trigger", "on")]


def test_s4_a_button_held_for_ten_seconds_is_one_press_and_the_next_press_another() -> None:
    decoder, frame, seen = RfxtrxDecoder(), bytes.fromhex("0820024DD3DC540689"), []
    for at_ms in range(0, 10_000, 200):
        seen += decoder.feed(frame, at_ms)
    assert len(calls(seen)) == 1
    assert len(calls(decoder.feed(frame, 11_000))) == 1


def test_the_receivers_own_answer_is_neither_noise_nor_a_device() -> None:
    decoder = RfxtrxDecoder()
    assert decoder.feed(bytes.fromhex("0D 01 00 01 02 53 0E 00 2F 00 00 00 00 00"), 0) == []
    assert (decoder.noise, decoder.answers) == (0, 1)


def test_a_thermometer_is_stepped_over_whole() -> None:
    decoder = RfxtrxDecoder()
    seen = decoder.feed(bytes.fromhex("0A520800AF01008D2B0389" + "0820024DD3DC540689"), 0)
    assert calls(seen) == [("security1:d3dc54", "trigger", "panic")]
    assert decoder.noise == 0


def test_every_type_pyrfxtrx_reads_is_framed_at_the_length_it_needs() -> None:
    new_packet: Callable[[int], Any] = lowlevel.get_packet
    for kind in range(256):
        if new_packet(kind) is None:
            continue
        lengths = rfxtrx._LENGTHS[kind]
        assert len(lengths) >= 1, hex(kind)
        if kind not in {0x03, 0x10, 0x1E, 0x60}:  # undecoded frames vary; the others raise on zeros
            packet = new_packet(kind)
            packet.load_receive(bytearray([lengths[0], kind]) + bytes(lengths[0] - 1))
            with pytest.raises(IndexError):
                packet.load_receive(bytearray([lengths[0] - 1, kind]) + bytes(lengths[0] - 2))


def test_rfxtrx_addresses_are_checked_as_they_are_told() -> None:
    for data, address, _, _ in RFXTRX.values():
        rfxtrx.check_address(address)
        assert {each.address for each in rfx(data)} == {address}
    for wrong in ("", "D3DC54", "security1:D3DC54", "security1:d3dc5", "lamp:123456", "ac:1234567"):
        with pytest.raises(ValueError, match="expected one like"):
            rfxtrx.check_address(wrong)


# --- radars ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "fall", "cleared", "presence", "ask"),
    [
        (Mr60Decoder, MR60_FALL, MR60_CLEARED, MR60_PRESENCE, MR60_ASK),
        (Mr60Fda2Decoder, FDA2_FALL, FDA2_NO_FALL, FDA2_PRESENCE, FDA2_ASK),
    ],
)
def test_a_radar_tells_fall_clear_and_life(make: Any, fall: bytes, cleared: bytes, presence: bytes, ask: bytes) -> None:
    decoder = make()
    seen = decoder.feed(fall + cleared + presence + ask, 0)
    assert [each.what for each in seen] == ["active", "clear", "alive"]  # an echoed question is no life
    assert (decoder.noise, decoder.answers) == (0, 0)
    for place in range(len(fall)):
        broken = bytearray(fall)
        broken[place] ^= 0x10
        spoiled = make()
        assert calls(spoiled.feed(bytes(broken), 0) + spoiled.settle(PAUSE_MS)) == [], f"byte {place} was not checked"


def test_the_answer_to_the_fall_question_is_the_level_again() -> None:
    decoder = Mr60Decoder()
    assert calls(decoder.feed(bytes.fromhex("53 59 83 81 00 01 01 b2 54 43"), 0)) == [("radar", "active", "fall")]
    assert decoder.answers == 1


def test_data_that_contains_the_end_marker_is_split_by_length() -> None:
    body = bytes.fromhex("53 59 80 03 00 04 54 43 53 59")
    frame = body + bytes([sum(body) % 256]) + b"\x54\x43"
    decoder = Mr60Decoder()
    assert [each.what for each in decoder.feed(frame + MR60_FALL, 0)] == ["alive", "active"]
    assert decoder.noise == 0


def test_the_questions_are_the_documented_bytes() -> None:
    assert mr60.ASK_FALL == MR60_ASK
    assert mr60fda2.ASK_PARAMETERS == FDA2_ASK


@pytest.mark.parametrize(
    ("last", "signal", "battery"), [("09", 0, 100), ("89", 53, 100), ("F9", 100, 100), ("80", 53, 10), ("8F", 53, None)]
)
def test_an_rfxtrx_security_sensor_tells_signal_and_battery_in_percent(
    last: str, signal: int, battery: int | None
) -> None:
    seen = RfxtrxDecoder().feed(bytes.fromhex(f"08200200D3DC5406{last}"), 0)
    assert [(each.signal, each.battery) for each in seen if each.signal is not None] == [(signal, battery)]


def test_an_rfxtrx_remote_tells_its_signal_and_no_battery() -> None:
    seen = RfxtrxDecoder().feed(bytes.fromhex("0B1100010123456701010F70"), 0)
    assert [(each.what, each.signal, each.battery) for each in seen][1:] == [("reading", 47, None)]
