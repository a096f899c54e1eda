"""The SIM's PIN: a wrong one is never tried twice, by this process or the next."""

from pathlib import Path

import pytest

from agent.sms.sim import PinError, PinFile


def pin_file(folder: Path, pin: str = "1234", mode: int = 0o600) -> Path:
    path = folder / "pin"
    path.write_text(pin)
    path.chmod(mode)
    return path


def refusal(pins: PinFile) -> str:
    with pytest.raises(PinError) as refused:
        pins.offer()
    assert "1234" not in str(refused.value)
    return str(refused.value)


def test_a_pin_is_offered_and_again_once_it_was_right(tmp_path: Path) -> None:
    pins = PinFile(pin_file(tmp_path, "1234\n"), tmp_path / "tried")
    assert pins.offer() == "1234"
    assert (tmp_path / "tried").exists()
    pins.accepted()
    assert not (tmp_path / "tried").exists()
    assert pins.offer() == "1234"


def test_a_wrong_pin_is_tried_once_even_if_the_process_starts_again(tmp_path: Path) -> None:
    path = pin_file(tmp_path)
    pins = PinFile(path, tmp_path / "tried")
    pins.offer()
    assert "not tried again" in refusal(pins)
    for _ in range(3):
        assert "not tried again" in refusal(PinFile(path, tmp_path / "tried"))


def test_a_corrected_pin_is_tried_by_the_next_process_and_not_by_this_one(tmp_path: Path) -> None:
    path, tried = pin_file(tmp_path), tmp_path / "tried"
    pins = PinFile(path, tried)
    pins.offer()
    path.unlink()
    tried.write_text("0")  # as if the file had changed since
    pin_file(tmp_path, "5678")
    assert "restart the hub" in refusal(pins)
    assert PinFile(path, tried).offer() == "5678"


def test_a_full_disk_does_not_make_it_try_twice(tmp_path: Path) -> None:
    pins = PinFile(pin_file(tmp_path), tmp_path / "no-such-folder" / "tried")
    assert pins.offer() == "1234"
    assert "not tried again" in refusal(pins)


@pytest.mark.parametrize("mark", [b"", b"\xff\xfe", b"x" * 10_000])
def test_a_marker_that_means_nothing_forbids_nothing(tmp_path: Path, mark: bytes) -> None:
    (tmp_path / "tried").write_bytes(mark)
    assert PinFile(pin_file(tmp_path), tmp_path / "tried").offer() == "1234"


def test_what_is_no_pin_is_refused_with_what_to_do(tmp_path: Path) -> None:
    tried = tmp_path / "tried"
    assert "pin_file" in refusal(PinFile(None, tried))
    assert "No such file" in refusal(PinFile(tmp_path / "nothing", tried))
    assert "chmod 600" in refusal(PinFile(pin_file(tmp_path, mode=0o640), tried))
    for junk in ("", "12", "12345678901", '12"4', "abcd", "١٢٣٤"):
        assert "4 to 8 digits" in refusal(PinFile(pin_file(tmp_path, junk), tried))
    assert not tried.exists()
