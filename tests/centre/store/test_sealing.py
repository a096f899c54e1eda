"""Sealed fields: opened in their own place alone, by a key file that is its owner's alone."""

import stat
from pathlib import Path

import pytest

from centre.store.sealing import Keyring, Sealed, SealError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.key"


@pytest.fixture
def keyring(path: Path) -> Keyring:
    return Keyring.make(path)


def test_s11_what_is_sealed_cannot_be_read_and_opens_again(keyring: Keyring, path: Path) -> None:
    sealed = keyring.seal(b"Ada Lovelace", "hub-1", "persons")
    assert b"Ada" not in sealed.content
    assert Keyring.load(path).open(sealed, "hub-1", "persons") == b"Ada Lovelace"
    assert keyring.seal(b"Ada Lovelace", "hub-1", "persons") != sealed  # equal values do not look equal


def test_s11_a_value_that_was_moved_or_changed_does_not_open(keyring: Keyring) -> None:
    sealed = keyring.seal(b"Ada Lovelace", "hub-1", "persons")
    for place in (("hub-2", "persons"), ("hub-1", "address"), ("hub-1persons",), ("hub-", "1persons")):
        with pytest.raises(SealError, match="not as it was sealed"):
            keyring.open(sealed, *place)
    for at in range(len(sealed.content)):
        changed = bytearray(sealed.content)
        changed[at] ^= 1
        with pytest.raises(SealError):
            keyring.open(Sealed(sealed.key_id, bytes(changed)), "hub-1", "persons")
    for length in (0, 5, 12, 20):
        with pytest.raises(SealError):
            keyring.open(Sealed(sealed.key_id, sealed.content[:length]), "hub-1", "persons")


def test_s11_the_key_file_is_its_owners_alone_and_one_that_is_not_is_refused(keyring: Keyring, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(SealError, match="chmod 600"):
        Keyring.load(path)


def test_a_key_file_is_never_written_over(keyring: Keyring, path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(SealError, match="there already"):
        Keyring.make(path)
    assert path.read_bytes() == before


def test_after_a_rotation_the_new_key_seals_and_both_open(keyring: Keyring, path: Path) -> None:
    old = keyring.seal(b"x", "p")
    name = keyring.rotate()
    again = Keyring.load(path)
    assert again.seal(b"x", "p").key_id == name == again.newest != old.key_id
    assert again.open(old, "p") == b"x"
    with pytest.raises(SealError, match="rotate first"):
        again.forget(name, ())
    with pytest.raises(SealError, match="is there still"):
        again.forget(old.key_id, [old.key_id])
    again.forget(old.key_id, [name])
    with pytest.raises(SealError, match=f"no key {old.key_id}"):
        Keyring.load(path).open(old, "p")


KEY = "c2VjcmV0LXRoYXQtbXVzdC1ub3QtYmUtdG9sZC1hd2F5"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        "{}",
        '{"newest": "a", "keys": {}}',
        f'{{"newest": "b", "keys": {{"a": "{KEY}"}}}}',
        f'{{"newest": "a", "keys": {{"a": "{KEY}"}}}}',
        f'{{"newest": "a", "keys": {{"a": "{KEY}"}}, "more": 1}}',
        '{"newest": "a", "keys": {"a": "%%%"}}',
    ],
)
def test_s11_a_file_that_is_no_key_file_is_named_and_not_repeated(path: Path, content: str) -> None:
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(SealError, match=r"records\.key: not a key file") as caught:
        Keyring.load(path)
    assert KEY not in str(caught.value)


def test_a_key_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(SealError, match=r"records\.key: No such file.*copy"):
        Keyring.load(path)
    with pytest.raises(SealError, match="writable folder"):
        Keyring.make(path / "below" / "records.key")
