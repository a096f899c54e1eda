"""What the centre sends: signed as the contract says, and commands repeated until they are answered."""

import base64

import msgspec
import pytest
from joserfc.jwk import ECKey, OKPKey

from agent.wire.envelope import CENTRE_ALGORITHM, KeyFileError, Verifier
from agent.wire.messages import Command, Receipt, read
from agent.wire.sealing import MESSAGE_CHARS_MAX, SealError, open_message
from centre.issue import LIFETIME_S, PENDING_PER_HUB_MAX, Commands, Issuer, TooManyCommandsError, message
from rules.commands import SEALED_CHARS_MAX
from rules.values import Now

KEY = OKPKey.generate_key("Ed25519")
START = Now(0, 1_790_000_000_000)


def at(ms: int) -> Now:
    return Now(ms, START.wall_ms + ms)


def commands() -> Commands:
    numbers = iter(range(1, 10_000))
    return Commands(lambda: f"c{next(numbers)}")


def online(hub: str) -> str:
    return f"nonce-of-{hub}"


def test_s8_receipts_and_commands_open_with_the_centres_key() -> None:
    receipt = Receipt(aud="hub-1", iat=1, ref="e1-a-1", digest="0" * 64, nonce="nonce-0001", result="accepted")
    opened = Verifier([KEY], CENTRE_ALGORITHM).open(Issuer(KEY).seal(receipt))
    assert read(opened, Receipt) == receipt
    with pytest.raises(KeyFileError):
        Issuer(ECKey.generate_key("P-256"))


def test_s8_a_command_is_addressed_fresh_and_mortal() -> None:
    under_way = commands()
    given = under_way.give("hub-1", "acknowledge", {"alarm": "alarm-1"}, START)
    ((hub, command),) = under_way.due(at(1_000), online)
    assert hub == "hub-1"
    assert command == Command(
        aud="hub-1",
        iat=START.wall_ms // 1000 + 1,
        id=given,
        type="acknowledge",
        expires=START.wall_ms // 1000 + LIFETIME_S,
        nonce="nonce-of-hub-1",
        data=msgspec.Raw(b'{"alarm":"alarm-1"}'),
    )
    assert read(msgspec.json.encode(command), Command).id == given


def test_a_command_is_repeated_under_its_own_id_until_it_is_answered() -> None:
    under_way = commands()
    given = under_way.give("hub-1", "test", {}, START)
    sent = [ms for ms in range(0, 120_000, 1_000) if under_way.due(at(ms), online)]
    assert sent == [0, 5_000, 15_000, 35_000, 65_000, 95_000]
    assert under_way.answered("hub-2", given) is None  # another hub cannot answer it
    assert under_way.answered("hub-1", given) is not None
    assert under_way.answered("hub-1", given) is None
    assert under_way.due(at(500_000), online) == []


def test_s8_a_new_connection_gets_it_at_once_with_its_own_nonce() -> None:
    under_way = commands()
    under_way.give("hub-1", "test", {}, START)
    assert under_way.due(at(0), lambda _: "") == []  # the hub is away
    ((_, first),) = under_way.due(at(1_000), lambda _: "nonce-0001")
    ((_, second),) = under_way.due(at(1_001), lambda _: "nonce-0002")
    assert (first.id, first.nonce, second.nonce) == (second.id, "nonce-0001", "nonce-0002")
    assert under_way.due(at(1_002), lambda _: "nonce-0002") == []


def test_a_command_whose_time_is_over_is_named_and_never_sent_again() -> None:
    under_way = commands()
    under_way.give("hub-1", "test", {}, START, lifetime_s=60)
    assert under_way.due(at(59_000), online)
    assert under_way.expired(at(59_999)) == []
    assert under_way.due(at(90_000), online) == []
    assert [each.type for each in under_way.expired(at(90_000))] == ["test"]
    assert (under_way.expired(at(90_000)), len(under_way)) == ([], 0)


def test_s12_one_hubs_commands_are_bounded_and_do_not_stop_anothers() -> None:
    under_way = commands()
    for _ in range(PENDING_PER_HUB_MAX):
        under_way.give("hub-1", "test", {}, START)
    with pytest.raises(TooManyCommandsError, match="hub-1"):
        under_way.give("hub-1", "test", {}, START)
    under_way.give("hub-2", "test", {}, START)


# --- messages ---------------------------------------------------------------------------------------

HUB_KEY = ECKey.generate_key("P-256")
DENTIST = "Der Zahnarzt um zehn, Frau Müller!"


def test_s11_a_message_is_in_no_byte_of_its_command() -> None:
    data = message(DENTIST, "de", HUB_KEY, person="p1", hours=48)
    under_way = commands()
    under_way.give("hub-1", "say", data, START)
    ((_, command),) = under_way.due(at(0), online)
    payload = base64.urlsafe_b64decode(Issuer(KEY).seal(command).split(b".")[1] + b"==")
    sealed = msgspec.json.decode(bytes(command.data))
    assert (sealed["person"], sealed["hours"]) == ("p1", 48)
    for part in (payload, *(base64.urlsafe_b64decode(each + "==") for each in sealed["sealed"].split("."))):
        assert b"Zahnarzt" not in part
    assert open_message(sealed["sealed"], HUB_KEY) == {"text": DENTIST, "language": "de"}


def test_a_message_is_opened_with_the_hubs_own_key_alone() -> None:
    data = message(DENTIST, "de", HUB_KEY)
    with pytest.raises(SealError, match="not encrypted to this hub"):
        open_message(data.sealed, ECKey.generate_key("P-256"))
    with pytest.raises(SealError, match="no key for private parts"):
        open_message(data.sealed, None)


@pytest.mark.parametrize("text", ["", "  ", "x" * (MESSAGE_CHARS_MAX + 1)])
def test_a_message_that_no_hub_would_say_is_not_sealed(text: str) -> None:
    with pytest.raises(ValueError, match="300 characters"):
        message(text, "en", HUB_KEY)


def test_the_longest_message_fits() -> None:
    assert len(message("\N{PEDESTRIAN}" * MESSAGE_CHARS_MAX, "en", HUB_KEY).sealed) < SEALED_CHARS_MAX
