"""The published contract: made from the code, and true of what is really sent."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from agent.wire import schema
from agent.wire.messages import PREFIX, Command, Receipt, decode_event, decode_report, digest
from rules.commands import _HANDLERS
from rules.reports import REPORTS, TYPE_OF, Report
from tests.support.voice import EVERY_REPORT, FACTS, RAISED, Voice

PUBLISHED = schema.FOLDER
VOICE = Voice()
RECEIPT = Receipt(aud="hub-1", iat=1, ref="e1-a-1", digest=digest(b""), nonce="nonce-0001", result="accepted")
COMMAND_DATA: dict[str, Any] = {
    "acknowledge": {"alarm": "alarm-1"},
    "resolve": {"alarm": "alarm-1", "outcome": "helped"},
    "set-mode": {"mode": "away"},
    "resend": {"epoch": "e1", "lane": "a", "from": 1, "to": 2},
    "silence": {},
    "test": {},
    "locate": {},
    "report": {},
    "say": {"text": "dinner", "person": "p1", "hours": 12},
}


def published(name: str) -> Draft202012Validator:
    content = json.loads((PUBLISHED / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(content)
    return Draft202012Validator(content)


def problems(name: str, message: Any) -> list[str]:
    body = message if isinstance(message, bytes) else msgspec.json.encode(message)
    return [error.message for error in published(name).iter_errors(json.loads(body))]


def command(kind: str) -> Command:
    data = msgspec.Raw(msgspec.json.encode(COMMAND_DATA[kind]))
    return Command(aud="hub-1", iat=1, id="c1", type=kind, expires=600, nonce="nonce-0001", data=data)


def test_what_is_published_is_what_the_code_says() -> None:
    assert schema.stale(PUBLISHED) == [], "run python -m agent.wire.schema"
    assert schema.main(["--check"]) == 0


def test_a_check_names_what_is_out_of_date_and_a_run_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema.write(tmp_path)
    (tmp_path / "schemas" / "status.json").write_text("{}", encoding="utf-8")
    (tmp_path / "schemas" / "hearthline.bygone.json").write_text("{}", encoding="utf-8")
    (tmp_path / "schemas" / "state.json").unlink()
    assert schema.main(["--check", "--folder", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert all(name in said for name in ("status.json", "hearthline.bygone.json", "state.json"))
    assert schema.main(["--folder", str(tmp_path)]) == 0
    assert schema.stale(tmp_path) == []


def test_every_report_and_command_has_its_schema() -> None:
    assert {type(report) for report in EVERY_REPORT} == set(REPORTS.values())
    assert set(schema.COMMANDS) == set(_HANDLERS) == set(COMMAND_DATA)
    assert all(schema.COMMANDS[name] is _HANDLERS[name][0] for name in _HANDLERS)


@pytest.mark.parametrize("report", EVERY_REPORT, ids=lambda report: TYPE_OF[type(report)])
def test_a_real_event_fits_its_own_schema_and_the_general_one(report: Report) -> None:
    name = PREFIX + TYPE_OF[type(report)]
    payload = VOICE.payload(report)
    assert problems(name, payload) == []
    assert problems("event", payload) == []
    assert decode_report(decode_event(payload)) == report


@pytest.mark.parametrize("report", EVERY_REPORT, ids=lambda report: TYPE_OF[type(report)])
def test_every_field_a_schema_requires_is_missed(report: Report) -> None:
    name = PREFIX + TYPE_OF[type(report)]
    whole = json.loads(VOICE.payload(report))
    for field in schema.schemas()[name]["required"]:
        assert problems(name, msgspec.json.encode({key: value for key, value in whole.items() if key != field}))
    for field in whole["data"]:
        if (name, field) not in [(PREFIX + "alarm.raised", each) for each in ("speech", "plan_rule")]:
            rest = {key: value for key, value in whole["data"].items() if key != field}
            assert problems(name, msgspec.json.encode(whole | {"data": rest})), field


def test_status_state_and_receipt_fit_theirs() -> None:
    assert problems("status", VOICE.status_of()) == []
    assert problems("status", VOICE.status_of(nonce="short"))
    assert problems("state", VOICE.state_of()) == []
    assert problems("state", VOICE.state_of(mode="asleep"))
    assert problems("receipt", RECEIPT) == []
    assert problems("receipt", msgspec.structs.replace(RECEIPT, result="perhaps"))


@pytest.mark.parametrize("kind", COMMAND_DATA)
def test_commands_fit_theirs(kind: str) -> None:
    assert problems(f"command.{kind}", command(kind)) == []
    assert problems("command", command(kind)) == []
    if COMMAND_DATA[kind]:
        assert problems(f"command.{kind}", msgspec.structs.replace(command(kind), data=msgspec.Raw(b"{}")))


def test_what_is_newer_still_fits() -> None:
    newer = json.loads(VOICE.payload(RAISED)) | {"colour": "red"}
    newer["data"]["mood"] = "calm"
    assert problems("hearthline.alarm.raised", msgspec.json.encode(newer)) == []
    unknown = newer | {"type": "hearthline.kettle.boiled", "data": {"cups": 2}}
    assert problems("event", msgspec.json.encode(unknown)) == []


def test_the_daemon_carries_no_schema_library() -> None:
    told = "import sys, agent.daemon; print([m for m in ('agent.wire.schema', 'jsonschema') if m in sys.modules])"
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", told], cwd=root, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


# --- the AsyncAPI document -------------------------------------------------------------------------


def document() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((PUBLISHED / "asyncapi.json").read_text(encoding="utf-8"))
    return read


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        here = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return here + [each for value in node.values() for each in references(value)]
    return [each for value in node for each in references(value)] if isinstance(node, list) else []


def test_every_reference_of_the_document_leads_somewhere() -> None:
    found = references(document())
    assert len(found) > 40
    for reference in found:
        if reference.startswith("#/"):
            node: Any = document()
            for key in reference[2:].split("/"):
                node = node[key]
        else:
            assert (PUBLISHED / reference).is_file(), reference


def test_the_document_has_the_six_topics_with_their_directions() -> None:
    channels = document()["channels"]
    assert {each["address"] for each in channels.values()} == {
        f"hearthline/v1/{{hub}}/{name}" for name in ("event", "status", "state", "receipt", "command", "plan")
    }
    directions = {
        each["channel"]["$ref"].rpartition("/")[2]: (each["action"], each["bindings"]["mqtt"]["retain"])
        for each in document()["operations"].values()
    }
    assert directions == {
        "event": ("send", False),
        "status": ("send", True),
        "state": ("send", True),
        "receipt": ("receive", False),
        "command": ("receive", False),
        "plan": ("receive", True),
    }
    assert {each["bindings"]["mqtt"]["qos"] for each in document()["operations"].values()} == {1}


def test_every_schema_is_named_with_its_format_and_used() -> None:
    messages = document()["components"]["messages"]
    assert set(messages) == set(schema.schemas()) | {"plan"}
    payloads = [each["payload"] for name, each in messages.items() if name != "plan"]
    assert {each["schemaFormat"] for each in payloads} == {"application/schema+json;version=draft-2020-12"}
    used = {name for channel in document()["channels"].values() for name in channel["messages"]}
    assert used == set(messages)


def test_s11_no_schema_has_room_for_a_name_or_number_of_a_person() -> None:
    words = {
        field
        for made in schema.schemas().values()
        for each in [made, *made["$defs"].values()]
        for field in each.get("properties", {})
    }
    assert words >= set(FACTS)
    assert not {word for word in words if re.search(r"name|address|phone|birth|medic", word)}
