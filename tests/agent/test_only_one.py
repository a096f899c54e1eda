"""One hub on a state directory, and a hub even where the disk gives it none."""

import os
from pathlib import Path

import msgspec
import pytest

from agent.__main__ import _only_one
from agent.store.errors import StoreError


class Config(msgspec.Struct):
    state_dir: Path


def test_s4_a_second_hub_on_the_same_store_is_refused_until_the_first_has_gone(tmp_path: Path) -> None:
    config: object = Config(tmp_path / "state")
    lock = _only_one(config)  # type: ignore[arg-type]
    assert lock is not None
    with pytest.raises(StoreError, match="another hub is running"):
        _only_one(config)  # type: ignore[arg-type]
    os.close(lock)
    lock = _only_one(config)  # type: ignore[arg-type]
    assert lock is not None
    os.close(lock)
    assert list((tmp_path / "state").iterdir()) == []  # nothing that a full disk could refuse


def test_s1_a_disk_without_room_for_a_directory_is_no_reason_not_to_be_a_hub(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    config: object = Config(tmp_path / "file" / "state")
    assert _only_one(config) is None  # type: ignore[arg-type]
    assert "Not a directory" in caplog.text
