"""What is played for a phrase: the right language, English first where it is in doubt, and never a wrong file."""

import shutil
from pathlib import Path

import msgspec
import pytest

from agent.voice import cache as cache_module
from agent.voice.cache import Cache
from agent.voice.index import CLIP_S_MAX, Clip, Index, canonical, header, path_of, read_index, read_sound
from agent.voice.phrases import EMERGENCY, PHRASES, Phrase, text_key

CALL: Phrase = "call.no-line"
OTHER: Phrase = "power.back"
TEXT = text_key("Mae'n bryd.")


def clip(
    key: str, language: str, *, reviewed: bool = False, sound: bytes = b"\x01\x00" * 50, lost: bool = False
) -> Clip:
    number = f"{abs(hash((key, language))):064x}"[-64:]
    return Clip(
        key=key,
        language=language,
        words="" if key == TEXT else f"{key} in {language}",
        reviewed=reviewed,
        file="" if lost else f"{number}.wav",
        size=0 if lost else len(sound),
    )


def write(folder: Path, *clips: Clip) -> Cache:
    folder.mkdir(exist_ok=True)
    (folder / "index.json").write_bytes(msgspec.json.encode(Index(clips=clips)))
    for each in clips:
        if each.file:
            path = path_of(folder, each)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(header(each.size) + b"\x01\x00" * (each.size // 2))
    cache = Cache(folder)
    cache.load()
    return cache


@pytest.fixture
def home(tmp_path: Path) -> Cache:
    keys = (CALL, OTHER)
    english = (clip(key, "en-gb", reviewed=True) for key in keys)
    return write(
        tmp_path, *english, *(clip(key, "ur") for key in keys), clip(CALL, "cy", reviewed=True), clip(TEXT, "cy")
    )


def played(cache: Cache, key: str, language: str) -> list[str]:
    return [each.language for each in cache.sequence(key, language)]


@pytest.mark.parametrize(
    ("key", "language", "languages"),
    [
        (CALL, "ur", ["en-gb", "ur"]),  # unreviewed: English first
        (CALL, "ur-PK", ["en-gb", "ur"]),
        (CALL, "cy", ["cy"]),  # a speaker vouches for it
        (CALL, "en", ["en-gb"]),
        (CALL, "en-US", ["en-gb"]),
        (CALL, "de", ["en-gb"]),  # no such catalogue
        (CALL, "", ["en-gb"]),
        (OTHER, "ur", ["ur"]),
        (OTHER, "cy", ["en-gb"]),
        ("call.heard", "ur", []),
        (TEXT, "cy", ["cy"]),
        (TEXT, "en", ["cy"]),  # its words are Welsh, whoever hears them
        (text_key("other"), "cy", []),
        ("no-such-key", "cy", []),
    ],
)
def test_the_right_language_is_played(home: Cache, key: str, language: str, languages: list[str]) -> None:
    assert played(home, key, language) == languages


@pytest.mark.parametrize("key", sorted(EMERGENCY))
def test_no_emergency_is_told_only_in_words_that_nobody_reviewed(tmp_path: Path, key: str) -> None:
    cache = write(tmp_path, clip(key, "en-gb", reviewed=True), clip(key, "pl"))
    assert played(cache, key, "pl") == ["en-gb", "pl"]


def test_what_could_not_be_rendered_is_left_out(tmp_path: Path) -> None:
    assert played(write(tmp_path, clip(CALL, "en-gb", lost=True), clip(CALL, "ur")), CALL, "ur") == ["ur"]
    assert played(write(tmp_path, clip(CALL, "en-gb"), clip(CALL, "ur", lost=True)), CALL, "ur") == ["en-gb"]
    assert played(write(tmp_path, clip(OTHER, "en-gb"), clip(OTHER, "ur", lost=True)), OTHER, "ur") == ["en-gb"]


def test_words_are_there_without_any_sound(tmp_path: Path) -> None:
    cache = write(
        tmp_path, clip(CALL, "en-gb", reviewed=True, lost=True), clip(CALL, "ur", lost=True), clip(TEXT, "ur")
    )
    assert cache.words(CALL, "ur") == "call.no-line in en-gb call.no-line in ur"
    assert cache.words(CALL, "fr") == "call.no-line in en-gb"
    assert cache.words(TEXT, "ur") == cache.words("call.heard", "ur") == ""


def test_s1_what_a_call_says_needs_no_disk(home: Cache, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)
    assert [len(home.read(each)) for each in home.sequence(CALL, "ur")] == [100, 100]
    assert [home.read(each) for each in home.sequence(OTHER, "ur")] == [b""]


def test_s12_no_more_than_so_much_is_held_in_memory(
    home: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "HELD_BYTES_MAX", 150)
    home.load()
    shutil.rmtree(tmp_path)
    assert sorted(len(home.read(each)) for each in home.sequence(CALL, "ur")) == [0, 100]


@pytest.mark.parametrize(
    "content", [b"", b"torn", header(100), header(100) + bytes(99), header(98) + bytes(98), header(99) + bytes(100)]
)
def test_a_torn_file_is_not_played(home: Cache, tmp_path: Path, content: bytes) -> None:
    (found,) = home.sequence(OTHER, "ur")
    path_of(tmp_path, found).write_bytes(content)
    assert home.read(found) == b""


def test_a_folder_that_is_not_there_plays_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "none")
    assert cache.sequence(CALL, "en") == ()
    cache.load()
    assert cache.sequence(CALL, "en") == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"clips": 1}',
        b'{"clips": [{"key": "x"}]}',
        b"\xff\xfe",
        b"[" * 5_000,
        b" " * 600_000,
    ],
)
def test_a_hostile_list_is_an_empty_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "index.json").write_bytes(content)
    cache = Cache(tmp_path)
    cache.load()
    assert read_index(tmp_path) == Index()
    assert [key for key in PHRASES if cache.sequence(key, "en")] == []


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../../etc/passwd"},
        {"file": "/etc/passwd"},
        {"file": "a" * 64},
        {"language": ".."},
        {"language": "en/gb"},
        {"language": "EN-GB"},
        {"size": 0},
        {"size": -1},
        {"size": CLIP_S_MAX * 44_100 + 1},
    ],
)
def test_a_list_that_names_what_is_not_ours_is_not_followed(tmp_path: Path, change: dict[str, object]) -> None:
    good, bad = clip(OTHER, "ur"), msgspec.structs.replace(clip(CALL, "en-gb"), **change)
    (tmp_path / "index.json").write_bytes(msgspec.json.encode(Index(clips=(good, bad))))
    assert read_index(tmp_path).clips == (good,)


def test_only_a_file_of_ours_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(header(4) + b"abcd")
    assert read_sound(path) == b"abcd"
    path.write_bytes(header(4).replace(b"\x01\x00\x01\x00", b"\x01\x00\x02\x00") + b"abcd")
    assert read_sound(path) == b""
    path.write_bytes(header(CLIP_S_MAX * 44_100 + 2) + bytes(CLIP_S_MAX * 44_100 + 2))
    assert read_sound(path) == b""


@pytest.mark.parametrize(
    ("tag", "canon"),
    [
        ("en", "en-gb"),
        ("EN_gb", "en-gb"),
        ("en-US", "en-us"),
        ("pl", "pl"),
        ("", ""),
        ("..", ""),
        ("e", ""),
        ("de-", ""),
    ],
)
def test_a_tag_is_written_in_one_way(tag: str, canon: str) -> None:
    assert canonical(tag) == canon
