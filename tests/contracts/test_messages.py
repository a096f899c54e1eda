"""Reading messages: what is newer passes, what is unknown stays raw, what is bad is refused and says where."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.messages import (
    Command,
    Receipt,
    State,
    Status,
    UnreadableError,
    decode_event,
    decode_report,
    digest,
    read,
)
from agent.wire.topics import HUB_ID, hub_of, topic
from rules.reports import AlarmRaised
from tests.support.voice import RAISED, Voice

VOICE = Voice()
WHOLE: dict[str, Any] = json.loads(VOICE.payload(RAISED))


def encoded(**changes: Any) -> bytes:
    return msgspec.json.encode(WHOLE | changes)


def test_an_event_on_the_wire_is_a_cloud_event() -> None:
    event = decode_event(VOICE.payload(RAISED, 7))
    assert (event.specversion, event.type) == ("1.0", "hearthline.alarm.raised")
    assert (event.id, event.sequence) == ("e1-a-7", "00000000000000000007")
    assert event.source == "/hearthline/v1/hub-1/e1/a"
    assert event.time == "2026-09-21T14:13:20.123Z"
    assert decode_report(event) == RAISED


def test_unknown_fields_are_ignored_everywhere() -> None:
    event = decode_event(encoded(colour="red", data=WHOLE["data"] | {"mood": "calm"}))
    assert decode_report(event) == RAISED
    status = msgspec.to_builtins(VOICE.status_of()) | {"weather": "fine"}
    assert read(msgspec.json.encode(status), Status) == VOICE.status_of()


@pytest.mark.parametrize("kind", ["hearthline.kettle.boiled", "org.example.alarm.raised", "alarm.raised", ""])
def test_an_unknown_type_stays_raw(kind: str) -> None:
    event = decode_event(encoded(type=kind, data={"cups": [2]}))
    assert decode_report(event) is None
    assert bytes(event.data) == b'{"cups":[2]}'


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"id": ""}, "id"),
        ({"id": "x" * 129}, "id"),
        ({"sequence": "7"}, "sequence"),
        ({"specversion": "2.0"}, "specversion"),
        ({"datacontenttype": "text/plain"}, "datacontenttype"),
        ({"iat": "now"}, "iat"),
        ({"source": None}, "source"),
    ],
)
def test_a_bad_event_is_refused_and_says_where(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(UnreadableError, match=where):
        decode_event(encoded(**changes))


def test_bad_data_is_refused_and_says_where() -> None:
    event = decode_event(encoded(data=WHOLE["data"] | {"priority": "high"}))
    with pytest.raises(UnreadableError, match="priority"):
        decode_report(event)


def test_time_is_published_strictly_and_read_leniently() -> None:
    """No alarm is refused for the way its time is written."""
    assert isinstance(decode_report(decode_event(encoded(time="yesterday"))), AlarmRaised)


@given(st.one_of(st.binary(max_size=200), st.just(b"[" * 100_000), st.just(b'{"data":' * 50_000)))
def test_no_bytes_raise_anything_else(payload: bytes) -> None:
    for kind in (Status, State, Receipt, Command):
        with pytest.raises(UnreadableError):
            read(payload, kind)
    with pytest.raises(UnreadableError):
        decode_event(payload)


def test_s2_the_digest_is_of_the_committed_bytes_whatever_key_signs_them() -> None:
    payload = VOICE.payload(RAISED)
    assert digest(payload) == digest(VOICE.payload(RAISED)) != digest(VOICE.payload(RAISED, 2))
    assert len(digest(payload)) == 64


@pytest.mark.parametrize("hub", ["", "ab", "x" * 41, "Hub-1", "hub/1", "hub+1", "#", "hub\n", "häuser"])
def test_s11_a_hub_id_cannot_reach_into_another_topic(hub: str) -> None:
    with pytest.raises(ValueError, match="hub id"):
        topic(hub, "event")


@given(st.from_regex(HUB_ID, fullmatch=True))
def test_a_topic_gives_its_hub_back(hub: str) -> None:
    assert hub_of(topic(hub, "event")) == hub


@pytest.mark.parametrize(
    "name", ["", "hearthline/v1/hub-1", "hearthline/v2/hub-1/event", "x/hearthline/v1/hub-1", "hearthline/v1/H/event"]
)
def test_another_topic_has_no_hub(name: str) -> None:
    assert hub_of(name) == ""
