"""What the centre sends: signed as the contract says, and commands repeated until they are answered."""

import msgspec
import pytest
from joserfc.jwk import ECKey, OKPKey

from agent.wire.envelope import CENTRE_ALGORITHM, KeyFileError, Verifier
from agent.wire.messages import Command, Receipt, read
from centre.issue import LIFETIME_S, PENDING_PER_HUB_MAX, Commands, Issuer, TooManyCommandsError
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
