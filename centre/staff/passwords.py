"""What a good password is, and how it is kept: at least twelve characters, no rules of composition, nothing common.

Lengths are OWASP ASVS 5.0's (6.2.1, 6.2.9), the hash Argon2id with the parameters of RFC 9106's second choice.
"""

import base64
import os
import re
import threading
import unicodedata

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from centre.staff.values import StaffError

LEAST, MOST = 12, 128
AT_ONCE = 2
WAIT_S = 5.0

_COMMON = """
abc access admin administrator alarm alexander amanda andrea andrew angel apple april arsenal asdf asdfgh asdfghjkl
ashley august autumn baby babygirl banana baseball basketball batman beautiful blink blue bond buster butterfly care
carer centre changeme charlie chelsea chocolate christmas computer cookie correcthorsebatterystaple dallas daniel
december default diamond dog donald dragon easter elizabeth england everton facebook family february flower football
forever freedom friday friends fuckoff fuckyou general george ginger google hannah happy hearthline hello helpme home
hospital hunter iloveyou internet jasmine jennifer jessica jesus jonathan jordan joseph joshua july june justin killer
letmein linkedin liverpool login london lovely loveme madison manchester manager march maria master matrix matthew
michael michelle microsoft monday monkey mother mustang mypassword naruto newyork nicole nothing november nurse october
office operator orange pass passphrase passw passwd password patrick pepper pokemon princess privet pussy qazwsx qwer
qwert qwerty qwertyui qwertyuiop rachel rainbow rangers response robert samantha samsung saturday scotland secret
secretpassword security september service shadow slipknot snoopy soccer spiderman spring starwars summer sunday
sunshine superman supervisor sweet system tech telecare telephone temp temporary test thomas thursday tigger tottenham
trustno tuesday united user victoria wales wednesday welcome whatever william winter zaq zxcvbn zxcvbnm
"""
COMMON = frozenset(_COMMON.split())
"""What common ones are made of: words of our own choice, and no list of leaked ones."""

_RUNS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1q2w3e4r5t6y7u8i9o0p")
_KEYS = "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p"
_LEET = str.maketrans("013457@$!|", "oieastasil")
_RUN_LEAST = 4
_KINDS_LEAST = 5


class Hashing:
    """Hashes passwords, two at once and no more: each takes 64 MiB and a tenth of a second of a core (S12)."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=2, type=Type.ID)
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._nobodys = _nobodys(self._hasher)

    def make(self, password: str) -> str:
        """Give what is kept of a password."""
        with self._turn():
            return self._hasher.hash(plain(password))

    def matches(self, kept: str, password: str) -> bool:
        """Say whether it is the one. It takes as long if nothing is kept."""
        whole = plain(password)
        with self._turn():
            try:
                same = self._hasher.verify(kept or self._nobodys, whole[:MOST])
                return same and bool(kept) and len(whole) <= MOST
            except (VerificationError, InvalidHashError):
                return False

    def _turn(self) -> "_Turn":
        return _Turn(self._room)


def _nobodys(hasher: PasswordHasher) -> str:
    """Give a hash that no password has, so that who is not there takes as long as who is."""
    salt, made = (
        base64.b64encode(os.urandom(length)).decode().rstrip("=") for length in (hasher.salt_len, hasher.hash_len)
    )
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${made}"


class BusyError(StaffError):
    """Too many sign in at this moment."""


class _Turn:
    def __init__(self, room: threading.BoundedSemaphore) -> None:
        self._room = room

    def __enter__(self) -> None:
        if not self._room.acquire(timeout=WAIT_S):
            raise BusyError("Too many are signing in at this moment: try again in some seconds")

    def __exit__(self, *_: object) -> None:
        self._room.release()


def plain(password: str) -> str:
    """Give it in the one form that all keyboards' ways to type it have in common (NFKC, NIST SP 800-63B-4 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password[: 4 * MOST]).encode("utf-8", "replace").decode()


def check(password: str, *own: str) -> None:
    """Raise StaffError for one that is short, long or common, or made of `own`: the operator's names."""
    password = plain(password)
    if not LEAST <= len(password) <= MOST:
        raise StaffError(
            f"A password has {LEAST} to {MOST} characters: take four or five words that do not go together"
        )
    words = COMMON | {word for name in own for word in re.split(r"[\W\d_]+", name.lower()) if len(word) > 1}
    lower = password.lower()
    if any(_common(form, words) for form in (lower, lower.translate(_LEET))):
        raise StaffError("This password is one of those that are tried first: take words that do not belong together")


def _common(password: str, words: frozenset[str] | set[str]) -> bool:
    """Say whether little is left of it without common words, names, runs of keys and repetitions."""
    left = password
    for run in (*_RUNS, _KEYS):
        for way in (run, run[::-1]):
            left = _without_runs(left, way)
    for word in sorted(words, key=len, reverse=True):
        left = left.replace(word, " ")
    left = re.sub(r"(.{1,6}?)\1{2,}", r"\1", left)  # abcabcabc, 1212121212
    left = re.sub(r"[\W\d_]+", "", left)  # figures and signs: letters of whatever script are left
    return len(set(left)) < _KINDS_LEAST


def _without_runs(text: str, run: str) -> str:
    for length in range(len(run), _RUN_LEAST - 1, -1):
        for start in range(len(run) - length + 1):
            text = text.replace(run[start : start + length], " ")
    return text
