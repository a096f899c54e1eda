"""Cut broadband, then everything: a few rounds of what `make soak` does twenty of."""

import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from simulators.keys import make_keys
from simulators.trials import cut_off
from simulators.trials.leaks import found, key_traces, number_traces
from simulators.trials.trial import play_rounds

BROADBAND, EVERYTHING = cut_off.TRIALS


@pytest.mark.slow
async def test_s3_with_broadband_cut_the_second_line_carries_the_alarm(tmp_path: Path) -> None:
    figures = await play_rounds(BROADBAND, [0], tmp_path)
    assert figures.counted["alarms arrived"] == 1


@pytest.mark.slow
async def test_s3_s4_with_every_line_cut_the_first_contact_is_texted_and_answers(tmp_path: Path) -> None:
    figures = await play_rounds(EVERYTHING, [0], tmp_path)
    assert figures.counted["homes that texted, every line cut: none"] == 1
    assert figures.counted["homes searched for what is personal or secret, and none found"] == 1


def test_s11_what_is_looked_for_would_be_found(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys", 1_800_000_000_000, ["hub-1"])
    traces = {"a number": tuple(number_traces("+447700900112")), "a key": tuple(key_traces(keys.centre))}
    raw = load_pem_private_key(keys.centre.read_bytes(), None).private_bytes_raw()  # type: ignore[union-attr]
    places = {
        "as it is dialled": b"0011000C9144 call 07700900112",
        "as a PDU has it": b"0011000C914477000910210000",
        "in hexadecimal": raw.hex().upper().encode(),
        "as its bytes": b"x" + raw,
        "as its file": keys.centre.read_bytes(),
    }
    for place, content in places.items():
        assert found(tmp_path, traces, kept=lambda _: True, also={place: content}), place
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE a (b)")
        connection.execute("INSERT INTO a VALUES ('+447700900112')")
    assert found(tmp_path, traces, kept=lambda path: path.suffix != ".db", also={})
    assert not found(tmp_path, traces, kept=lambda _: True, also={"elsewhere": b"447700900113"})
