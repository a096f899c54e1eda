"""The contract's AsyncAPI 3.0 document: channels, directions, and the schema of each message. For tools only."""

from typing import Any

from agent.wire.envelope import CENTRE_ALGORITHM, CONTENT_TYPE, DOCUMENT_BYTES_MAX, EVENT_BYTES_MAX, HUB_ALGORITHM
from agent.wire.messages import CENTRE, PREFIX
from agent.wire.topics import HUB_ID, ROOT, Channel

VERSION = "1.0.0"
SCHEMAS_FOLDER = "schemas"
SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
_BINDING = "0.2.0"
"""The version of AsyncAPI's MQTT bindings that the notes on QoS and retention follow."""

_RESERVED_TYPES = "reminder.prompted, reminder.taken, reminder.snoozed, reminder.missed, message.heard"

_DESCRIPTION = f"""\
How a Hearthline hub and a response centre speak, version 1: MQTT 5, QoS 1 throughout.

**Envelope.** Every MQTT payload is a compact JWS (RFC 7515), content type `{CONTENT_TYPE}`. The schemas here \
are of the JWS *payload*, which is UTF-8 JSON. The protected header holds `alg` and `kid`. A hub signs \
with a P-256 key, `alg` = `{HUB_ALGORITHM}`; a centre with an Ed25519 key, `alg` = `{CENTRE_ALGORITHM}`. The \
algorithm belongs to the side and is never taken from the message. `kid` is the key's RFC 7638 thumbprint; two \
keys of a side may be valid at once. `aud` is `{CENTRE}` for what a hub sends and the hub's id for what a centre \
sends; `iat` is when it was signed or committed, Unix seconds. A hub may only speak on its own topics.

**Sizes.** The compact JWS of an event, status, receipt or command is at most {EVENT_BYTES_MAX} bytes; of a \
state or plan {DOCUMENT_BYTES_MAX}.

**Growth.** Unknown fields are ignored. Events of an unknown type are accepted, kept and shown. Within version 1 \
fields and types may be added; a closed list of values (`enum`) does not grow. Times are UTC with milliseconds \
and `Z`.

**Delivery.** An event leaves the hub only on the centre's receipt for its id, never on the broker's PUBACK. Ids \
are `{{epoch}}-{{lane}}-{{seq}}`; the committed bytes of an id never change, and `digest` is their SHA-256 (the \
JWS payload, not the JWS). The centre answers the same id with the same digest by the same receipt and does \
nothing else.

**Reserved.** Event types (all after `{PREFIX}`): {_RESERVED_TYPES}. Commands: say, call. A hub refuses a \
command it does not know by `{PREFIX}command.refused`.
"""

_FROM_HUB: tuple[Channel, ...] = ("event", "status", "state")
_RETAINED: tuple[Channel, ...] = ("status", "state", "plan")

_CHANNELS: dict[Channel, str] = {
    "event": "Everything that happens, as CloudEvents 1.0. Not retained. Centre workers share it by `$share`, with "
    "session expiry 0 and a small Receive Maximum: a hub resends until it has a receipt.",
    "status": "Whether the hub is connected. Retained, and the hub's will (signed at connect, will delay 15 s). "
    "`nonce` is new for each connection; a will counts only while its nonce is that of the newest online status. "
    "Subscribed plainly by every worker, never by `$share`.",
    "state": "What is true at the hub now. Retained. Sent on every connect, after status and open alarms and before "
    "any backlog, and within 120 s of a change. Subscribed plainly by every worker.",
    "receipt": "The centre's word on one event, carrying the nonce of the hub's newest online status. Never retained; "
    "a retained one, or one with another nonce, is not believed. `accepted`: the event may leave the hub. `retry`: "
    "keep it and offer it again after `retry_after` seconds. `rejected`: it will never be taken; an alarm then counts "
    "as undelivered and takes its next path. `conflict`: the centre already holds other content under this id and "
    "keeps both.",
    "command": "What the centre wants done. Never retained: the hub subscribes with retain-as-published and "
    "retain-handling 2, and drops retained ones. Repeated, each time with the newest nonce, until the hub answers "
    f"`{PREFIX}command.done` or `{PREFIX}command.refused`; one id is carried out once. Void after `expires`.",
    "plan": "The care plan. Retained, so that no nonce can make it fresh: its version does, which only rises. A hub "
    "never goes back to an older one; the one in force, heard again, changes nothing. It answers a new one by "
    f"`{PREFIX}plan.applied`, or by `{PREFIX}plan.refused` with the reason, and keeps the plan it has.",
}


def asyncapi(descriptions: dict[str, str]) -> dict[str, Any]:
    """Make the document; `descriptions` names every schema and says what it is of."""
    named = {channel: _names(channel, descriptions) for channel in _CHANNELS}
    return {
        "asyncapi": "3.0.0",
        "id": "urn:hearthline:v1",
        "info": {
            "title": "Hearthline wire contract",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {channel: _channel(channel, named[channel]) for channel in _CHANNELS},
        "operations": {_operation_name(channel): _operation(channel) for channel in _CHANNELS},
        "components": {
            "messages": {name: _message(name, descriptions[name]) for name in sorted(descriptions)},
            "parameters": {
                "hub": {
                    "description": "The hub's pseudonym: the common name of its certificate and its MQTT client id. "
                    f"Matches {HUB_ID.pattern}. A replaced box gets a new one."
                }
            },
        },
    }


def _names(channel: Channel, descriptions: dict[str, str]) -> list[str]:
    """Name the messages of a channel; the untyped one comes first."""
    typed = {"event": PREFIX, "command": "command."}.get(channel)
    return [channel, *sorted(name for name in descriptions if typed is not None and name.startswith(typed))]


def _channel(channel: Channel, names: list[str]) -> dict[str, Any]:
    return {
        "address": f"{ROOT}/{{hub}}/{channel}",
        "description": _CHANNELS[channel],
        "parameters": {"hub": {"$ref": "#/components/parameters/hub"}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def _message(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "summary": description.partition("\n")[0],
        "contentType": CONTENT_TYPE,
        "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"./{SCHEMAS_FOLDER}/{name}.json"}},
    }


def _operation_name(channel: Channel) -> str:
    return f"{'send' if channel in _FROM_HUB else 'receive'}{channel.capitalize()}"


def _operation(channel: Channel) -> dict[str, Any]:
    """Describe a channel's use from the hub's side."""
    from_hub = channel in _FROM_HUB
    operation: dict[str, Any] = {
        "action": "send" if from_hub else "receive",
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": "Hub to centre: the hub sends, the centre receives."
        if from_hub
        else "Centre to hub: the centre sends, the hub receives.",
        "bindings": {"mqtt": {"qos": 1, "retain": channel in _RETAINED, "bindingVersion": _BINDING}},
    }
    if channel == "event":
        operation["reply"] = {"channel": {"$ref": "#/channels/receipt"}}
    if channel in ("command", "plan"):
        operation["reply"] = {"channel": {"$ref": "#/channels/event"}}
    return operation
