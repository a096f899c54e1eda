import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.pins import Board, PinsError, pin_factory

ROOT = Path(__file__).parents[2]

OPEN = """
import sys
from pathlib import Path
from agent.pins import PinsError, pin_factory
try:
    pin_factory("lgpio", Path(sys.argv[1]))
except PinsError as error:
    print(error)
"""


def test_mock_pins_can_do_pwm(tmp_path: Path) -> None:
    factory = pin_factory("mock", tmp_path)
    pin = factory.pin(18)
    pin.function = "output"
    pin.frequency = 520
    assert pin.frequency == 520
    factory.close()


@pytest.mark.skipif(Path("/dev/gpiochip0").exists(), reason="this machine has pins")
def test_off_a_pi_lgpio_says_what_to_do_and_writes_only_into_scratch(tmp_path: Path) -> None:
    scratch, elsewhere = tmp_path / "scratch", tmp_path / "elsewhere"
    scratch.mkdir()
    elsewhere.mkdir()
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", OPEN, str(scratch)]
    done = subprocess.run(command, cwd=elsewhere, env=environ, capture_output=True, text=True, timeout=60, check=True)
    if importlib.util.find_spec("lgpio") is None:  # there is no wheel for every Python
        assert "lgpio cannot be loaded" in done.stdout
    else:
        assert "the pins cannot be opened" in done.stdout
        assert 'outputs = "log"' in done.stdout
    assert list(elsewhere.iterdir()) == []


def test_a_scratch_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PinsError, match="make this directory writable"):
        pin_factory("lgpio", tmp_path / "none")


def test_the_board_is_opened_once_and_can_be_closed_unopened(tmp_path: Path) -> None:
    board = Board("mock", tmp_path)
    board.close()
    first = board.factory()
    assert board.factory() is first
    board.close()


def test_a_hub_without_pins_does_not_load_gpiozero() -> None:
    program = "import sys, agent.pins, agent.outputs, agent.buttons, agent.config; print('gpiozero' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"
