"""What is taken as a password, and how it is kept."""

import threading

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from hypothesis import given
from hypothesis import strategies as st

from centre.staff import passwords
from centre.staff.passwords import BusyError, Hashing, check
from centre.staff.values import StaffError
from tests.support.staff import CHEAP, PASSWORD


@pytest.mark.parametrize(
    "password",
    [
        "eleven char",
        "password1234",
        "passwordpassword",
        "P@ssw0rd2026!",
        "Welcome2026!!",
        "qwertyuiop12",
        "1qaz2wsx3edc",
        "123456789012",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "hearthline2026",
        "Telecare-2026!",
        "iloveyou1234",
        "letmein-letmein",
        "liverpool1892",
        "asha-k-asha-k",
        "AshaKumari1990",
        "zxcvbnm,./12",
        "december2026!",
        "!!!!!!!!!!!!",
        "123456123456",
        "x" * 129,
    ],
)
def test_what_is_tried_first_is_refused(password: str) -> None:
    with pytest.raises(StaffError):
        check(password, "asha-k", "Asha Kumari")


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "correct horse battery",
        "twelve chars",
        "J8#kq0!vTz2m",
        "ein Dackel frisst Seife",
        "मेरी बिल्ली नीली है",
        "ash-tree by the pond",
        "   leading spaces",
        "x7" + "qgvw" * 31,
    ],
)
def test_what_is_not_is_taken(password: str) -> None:
    check(password, "asha-k", "Asha Kumari")


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=140))
def test_any_text_is_taken_or_refused(password: str) -> None:
    try:
        check(password, "asha-k", "Asha Kumari")
    except StaffError:
        return
    assert 12 <= len(passwords.plain(password)) <= 128


def test_a_password_is_kept_as_argon2id_as_the_rfc_has_it_and_no_two_alike() -> None:
    hashing = Hashing()
    one = hashing.make(PASSWORD)
    assert one.startswith("$argon2id$v=19$m=65536,t=3,p=")
    assert hashing.matches(one, PASSWORD)
    assert CHEAP.make(PASSWORD) != CHEAP.make(PASSWORD)


def test_it_is_the_same_however_the_keyboard_made_it() -> None:
    kept = CHEAP.make("caf\u00e9 au lait et toast")
    assert CHEAP.matches(kept, "cafe\u0301 au lait et toast")
    assert not CHEAP.matches(kept, "cafe au lait et toast")


def test_the_whole_of_it_counts() -> None:
    longest = "violet tractor " * 8 + "12345678"
    kept = CHEAP.make(longest)
    assert len(longest) == 128
    assert CHEAP.matches(kept, longest)
    assert not CHEAP.matches(kept, longest + "x")
    assert not CHEAP.matches(kept, longest[:-1])
    assert not CHEAP.matches(kept, "\ud800")


def test_nothing_matches_what_is_not_kept_and_it_is_hashed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    verify = PasswordHasher.verify

    def spying(self: PasswordHasher, kept: str, password: str) -> bool:
        seen.append(kept)
        return bool(verify(self, kept, password))

    monkeypatch.setattr(PasswordHasher, "verify", spying)
    hashing = Hashing(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    assert not hashing.matches("", PASSWORD)
    (kept,) = seen
    assert kept.split("$")[:4] == hashing.make(PASSWORD).split("$")[:4], "it takes as long as for anybody"
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(kept, PASSWORD)
    assert not hashing.matches("no hash at all", PASSWORD)


def test_no_more_than_two_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAIT_S", 0.01)
    slow = "slow"
    gate, inside = threading.Event(), threading.Semaphore(0)

    class Slow(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            if password == slow:
                inside.release()
                assert gate.wait(10)
            return super().hash(password, salt=salt)

    hashing = Hashing(Slow(time_cost=1, memory_cost=8, parallelism=1))
    threads = [threading.Thread(target=hashing.make, args=(slow,)) for _ in range(2)]
    for thread in threads:
        thread.start()
        assert inside.acquire(timeout=10)
    try:
        with pytest.raises(BusyError):
            hashing.make("a third")
    finally:
        gate.set()
        for thread in threads:
            thread.join(10)
    hashing.make("a third")
