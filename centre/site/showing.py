"""Shows what an installer takes along: an enrolment code as text and as a QR code, on a terminal or in a file."""

import io
from pathlib import Path

import segno

from agent.files import write_whole
from agent.wire.enrolment import Code
from centre.site.settings import SiteError

SUFFIXES = (".png", ".svg", ".txt")
_SCALE, _BORDER = 8, 4


def terminal(code: Code) -> str:
    """Draw a code for a terminal, to be photographed or scanned."""
    drawn = io.StringIO()
    segno.make(str(code), error="m", micro=False).terminal(drawn, border=2, compact=True)
    return drawn.getvalue()


def check_place(path: Path) -> None:
    """Refuse a file that a code could not be written to, before there is one. Raises SiteError."""
    if path.suffix not in SUFFIXES:
        raise SiteError(f"{path}: the name must end in {', '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise SiteError(f"{path.parent}: there is no such folder: make it, or name another")


def write(code: Code, path: Path) -> None:
    """Write a code for its owner alone to read: until it is used, it is a secret. Raises SiteError."""
    content = io.BytesIO()
    if path.suffix == ".txt":
        content.write(f"{code}\n".encode())
    else:
        picture = segno.make(str(code), error="m", micro=False)
        picture.save(content, kind=path.suffix[1:], scale=_SCALE, border=_BORDER)
    try:
        write_whole(path, content.getvalue(), new=path.with_name(f"{path.name}.new"))
    except OSError as error:
        raise SiteError(f"{path}: {error.strerror}: name another file") from None
