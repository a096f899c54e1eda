"""Puts the card's page on paper: one sheet of A4 as PDF, with our own letters and no others."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

FONTS = Path(__file__).with_name("fonts")

REMEDY = "install it with `apt install libpangoft2-1.0-0 libharfbuzz-subset0`, then try again"

_FACES = {"Card": "NotoSans", "Card Urdu": "NotoNastaliqUrdu"}


SIZES_PT = (18, 19, 20, 21, 22, 24, 26)
"""The largest of these sizes that one sheet can hold is taken. Large print begins at 16 pt (UK Association for
Accessible Formats); a card is never smaller than 18 pt."""


class PaperError(Exception):
    """A page cannot be put on paper; the text says why and what to do."""


class Press:
    """WeasyPrint with our own letters, and no others. Raises PaperError where it cannot work."""

    def __init__(self) -> None:
        try:
            from weasyprint import CSS, HTML  # type: ignore[import-untyped]  # noqa: PLC0415 -- needs Pango
            from weasyprint.text.fonts import FontConfiguration  # type: ignore[import-untyped]  # noqa: PLC0415
        except OSError as error:
            reason = f"the library Pango, which sets the letters, is missing ({error}): {REMEDY}"
            raise PaperError(reason) from None
        self._html = HTML
        self._fonts = FontConfiguration()
        self._base = FONTS.as_uri() + "/"
        self._faces = CSS(string=_faces(), base_url=self._base, font_config=self._fonts)

    def lay_out(self, page: str) -> Any:  # noqa: ANN401 -- WeasyPrint has no types
        """Lay a page (HTML) out on sheets; give WeasyPrint's document."""
        html = self._html(string=page, base_url=self._base)
        return html.render(stylesheets=[self._faces], font_config=self._fonts)


def print_pdf(page: Callable[[float], str], sizes_pt: Sequence[float] = SIZES_PT) -> bytes:
    """Put what `page` writes for a size of letters on one sheet, as large as may be: the same page, the same bytes.

    Raises PaperError.
    """
    press = Press()
    best, low, high = None, 0, len(sizes_pt)
    while low < high:  # what fits in large letters fits in small ones
        middle = (low + high) // 2
        document = press.lay_out(page(sizes_pt[middle]))
        if len(document.pages) == 1:
            best, low = document, middle + 1
        else:
            high = middle
    if best is None:
        raise PaperError("this home has more to tell than one sheet can hold: report it, with the configuration")
    return bytes(best.write_pdf(pdf_identifier=b"hearthline-card"))


def _faces() -> str:
    return "".join(
        f'@font-face {{ font-family: "{family}"; font-weight: {weight}; src: url("{name}-{style}.ttf"); }}\n'
        for family, name in _FACES.items()
        for weight, style in (("normal", "Regular"), ("bold", "Bold"))
    )
