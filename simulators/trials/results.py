"""What the soak has done so far: a line for each round, kept at once, so that it can be interrupted and taken up."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from simulators.trials.trial import Figures, Trial

PACKAGES = ("rules", "sensors", "agent", "centre", "simulators")
SHOWS = ("simulators/bench", "simulators/demo")
"""What no trial uses, and may change under a soak."""

_ROOT = Path(__file__).resolve().parents[2]


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One round's result. `code` names the code it was made with: of other code it proves nothing.

    `violation` is set when a promise was broken, `not_here` when this machine could not make the round.
    """

    code: str
    trial: str
    round: int
    seconds: float
    counted: dict[str, int] = {}
    measured: dict[str, list[float]] = {}
    violation: str = ""
    not_here: str = ""


def code_name(root: Path = _ROOT) -> str:
    """Name the code as it is on the disk, whether committed or not: the first 12 digits of its SHA-256."""
    digest = hashlib.sha256()
    for path in sorted(each for package in PACKAGES for each in (root / package).rglob("*.py")):
        if path.relative_to(root).as_posix().startswith(SHOWS):
            continue
        digest.update(f"{path.relative_to(root)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class Results:
    """The lines of `path`. Lines of other code, and one that was cut short, are left where they are and not counted."""

    def __init__(self, path: Path, code: str) -> None:
        self.path, self.code = path, code
        self.others = 0
        self._lines: dict[tuple[str, int], Line] = {}
        for text in path.read_bytes().splitlines() if path.exists() else ():
            try:
                line = msgspec.json.decode(text, type=Line)
            except msgspec.DecodeError:  # the power went while it was written
                continue
            if line.code == code:
                self._lines[line.trial, line.round] = line
            else:
                self.others += 1

    def add(self, line: Line) -> None:
        """Keep a round's result."""
        self._lines[line.trial, line.round] = line
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")

    def of(self, trial: Trial) -> list[Line]:
        """Give what is known of a trial's rounds, in order."""
        return sorted((line for line in self._lines.values() if line.trial == trial.name), key=lambda line: line.round)

    def left(self, trial: Trial, rounds: int) -> list[int]:
        """Give the rounds still to make. One that broke a promise is made again."""
        done = {line.round for line in self.of(trial) if not line.violation}
        return [number for number in range(rounds) if number not in done]


def together(lines: Iterable[Line]) -> Figures:
    """Add up the figures of several rounds."""
    figures = Figures()
    for line in lines:
        other = Figures(measured={name: list(samples) for name, samples in line.measured.items()})
        other.counted.update(line.counted)
        figures.add(other)
    return figures
