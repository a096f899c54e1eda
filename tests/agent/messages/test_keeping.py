"""S11: the texts of messages are kept whole, for their owner alone, and go when nobody needs them."""

import os
import stat
from pathlib import Path

import pytest

from agent.messages.keeping import Keeping, Kept
from agent.plan.private import TEXT_CHARS_MAX
from agent.wire.sealing import MESSAGE_CHARS_MAX

MESSAGE = Kept(id="c-1", text="The dentist at ten.", language="en", person="p1", hours=24)


@pytest.fixture
def keeping(tmp_path: Path) -> Keeping:
    return Keeping(tmp_path / "messages")


def test_what_is_kept_is_there_for_another_process(keeping: Keeping, tmp_path: Path) -> None:
    keeping.keep(MESSAGE)
    again = Keeping(tmp_path / "messages")
    assert again.text("c-1") == ("The dentist at ten.", "en")
    assert again.all() == {"c-1": MESSAGE}
    assert again.text("c-2") is None


def test_s11_its_owner_alone_may_read_it_whatever_the_umask(keeping: Keeping, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keeping.keep(MESSAGE)
    finally:
        os.umask(before)
    (path,) = (tmp_path / "messages").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("ident", ["../../hub", "a/b", "", ".", "x" * 128, "é\n", "\ud800"])
def test_whatever_an_id_is_its_file_lies_in_the_folder(keeping: Keeping, tmp_path: Path, ident: str) -> None:
    if ident != "\ud800":  # which no command can have: its envelope is UTF-8
        keeping.keep(Kept(id=ident, text="Hello.", language="en", hours=1))
        assert keeping.text(ident) == ("Hello.", "en")
    assert keeping.text("another") is None
    assert {each.parent for each in tmp_path.rglob("*") if each.is_file()} <= {tmp_path / "messages"}


def test_what_nobody_needs_goes_and_what_a_killed_writer_left(keeping: Keeping, tmp_path: Path) -> None:
    for number in range(3):
        keeping.keep(Kept(id=f"c-{number}", text="Hello.", language="en", hours=1))
    (tmp_path / "messages" / "new").write_bytes(b'{"id":"c-9","text":"The den')
    keeping.purge({"c-1", "c-7"})
    assert list(keeping.all()) == ["c-1"]
    assert len(list((tmp_path / "messages").iterdir())) == 1
    assert (keeping.text("c-0"), keeping.text("c-1")) == (None, ("Hello.", "en"))


def test_a_file_that_is_spoilt_is_no_message_and_hurts_nothing(keeping: Keeping, tmp_path: Path) -> None:
    keeping.keep(MESSAGE)
    (path,) = (tmp_path / "messages").iterdir()
    path.write_bytes(b"\xff{")
    again = Keeping(tmp_path / "messages")
    assert (again.text("c-1"), again.all()) == (None, {})
    assert keeping.text("c-1") is not None, "who has read it once still has it"


def test_without_a_folder_there_is_nothing(keeping: Keeping) -> None:
    keeping.purge(set())
    assert (keeping.all(), keeping.text("c-1")) == ({}, None)


def test_s11_a_message_shows_nothing_by_accident() -> None:
    assert "dentist" not in f"{MESSAGE!r} {MESSAGE}"


def test_the_wire_and_the_plan_agree_how_long_a_text_is() -> None:
    assert MESSAGE_CHARS_MAX == TEXT_CHARS_MAX
