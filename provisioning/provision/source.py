"""What is installed from: a checkout of Hearthline, or a wheel of it. Both carry `systemd/` and the locked packages."""

import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import Final, Protocol

from provisioning.provision.installing import PLACES

PACKAGES: Final = ("agent", "centre", "provisioning", "rules", "sensors", "simulators")
BESIDES: Final = ("pyproject.toml", "README.md", "LICENSE")
REQUIREMENTS: Final = "requirements/run.txt"
IN_WHEEL: Final = "provisioning/packaged"
"""Where a wheel carries what is beside the packages in a checkout."""


class SourceError(Exception):
    """This is nothing to install from; the text says what would be."""


class Source(Protocol):
    """What is installed from."""

    def read(self, name: str) -> bytes:
        """Give a file: `systemd/...` or `REQUIREMENTS`. Raises SourceError."""

    def digest(self) -> bytes:
        """Give what changes whenever the software does."""

    def stage(self, folder: Path) -> Path:
        """Copy what pip installs into `folder`; give what to name to it. Raises OSError."""


class Checkout:
    """A folder with the source code."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes:
        """Give a file. Raises SourceError."""
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            remedy = "name a checkout or a wheel of Hearthline with --from"
            raise SourceError(f"{self._folder / name}: {error.strerror}: {remedy}") from None

    def digest(self) -> bytes:
        """Give what changes whenever a file of the packages does."""
        total = hashlib.sha256()
        for name in PACKAGES:
            for path in sorted((self._folder / name).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    total.update(f"{path.relative_to(self._folder)}\0".encode())
                    total.update(hashlib.sha256(path.read_bytes()).digest())
        total.update(self.read("pyproject.toml"))
        return total.digest()

    def stage(self, folder: Path) -> Path:
        """Copy the packages, and what builds them."""
        for name in PACKAGES:
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(self._folder / name, folder / "source" / name, ignore=ignore)
        for name in (*BESIDES, REQUIREMENTS, *(f"systemd/{each}" for each in PLACES)):
            place = folder / "source" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._folder / name, place)
        return folder / "source"


class Wheel:
    """A wheel that was built from a checkout."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> bytes:
        """Give a file. Raises SourceError."""
        try:
            with zipfile.ZipFile(self._path) as wheel:
                return wheel.read(f"{IN_WHEEL}/{name}")
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise SourceError(f"{self._path}: not a wheel of Hearthline ({error})") from None

    def digest(self) -> bytes:
        """Give the digest of the whole file."""
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()

    def stage(self, folder: Path) -> Path:
        """Copy the wheel."""
        return Path(shutil.copy(self._path, folder))


def source_of(path: Path | None) -> Source:
    """Give what is at `path`; without one, the checkout that this code is in. Raises SourceError."""
    if path is not None and path.suffix == ".whl":
        return Wheel(path)
    folder = path or Path(__file__).resolve().parents[2]
    if not (folder / REQUIREMENTS).is_file():
        expected = "a checkout of Hearthline (with requirements/ and systemd/) or a wheel of it"
        raise SourceError(f"{folder}: not {expected}: name one with --from")
    return Checkout(folder)


def files_of(source: Source) -> dict[str, bytes]:
    """Give the files of `systemd/` that are installed, by name. Raises SourceError."""
    return {name: source.read(f"systemd/{name}") for name in PLACES}


def digest_of(source: Source, python: str) -> str:
    """Name an environment: by the software, its locked packages, its units, and the Python it is made with."""
    total = hashlib.sha256(source.digest())
    for name, content in sorted({**files_of(source), REQUIREMENTS: source.read(REQUIREMENTS)}.items()):
        total.update(f"{name}\0".encode())
        total.update(hashlib.sha256(content).digest())
    total.update(python.encode())
    return total.hexdigest()[:16]
