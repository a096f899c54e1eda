"""The card as it comes out of the printer: one sheet, letters large and dark enough, our own fonts and no others."""

import ctypes
import re
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from types import ModuleType
from typing import NamedTuple

import pypdfium2  # type: ignore[import-untyped]
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]
import pytest
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from msgspec.structs import replace

from provisioning.card.home import Home
from provisioning.card.page import page
from provisioning.card.paper import FONTS, SIZES_PT, PaperError, print_pdf
from provisioning.card.words import FOLDER, languages, words_of

FULLEST = Home(
    calls=("pendant", "pull-cord", "button", "call"),
    cancel_s=10,
    answer="answer",
    reminders=True,
    helper=True,
    lamps=("cancel", "calling", "arrived", "someone", "prompt", "fault", "flash"),
    sound=True,
    hub_min=8 * 60,
    line_min=30,
)
"""Everything that a home can have."""

A4_PT = (595.3, 841.9)
Box = tuple[float, float, float, float]
EACH_LANGUAGE = pytest.mark.parametrize("language", languages())


class Letters(NamedTuple):
    """A run of text as the PDF has it. `size_pt` is what is printed; `under` is the colour most seen around it."""

    size_pt: float
    font: str
    embedded: bool
    colour: tuple[int, ...]
    under: tuple[int, ...]


@cache
def printed(language: str) -> bytes:
    """The fullest card in the smallest letters there are."""
    return print_pdf(lambda size_pt: page(FULLEST, words_of(language), size_pt), SIZES_PT[:1])


@cache
def letters(language: str) -> tuple[Letters, ...]:
    document = pypdfium2.PdfDocument(printed(language))
    return tuple(_letters(document[0]))


def _letters(sheet: pypdfium2.PdfPage) -> Iterator[Letters]:
    seen = sheet.render(scale=1).to_pil()
    for each in sheet.get_objects(filter=[pdfium.FPDF_PAGEOBJ_TEXT], max_depth=8):
        left, low, right, top = each.get_bounds()
        colour = _colour(each)
        box = seen.crop((int(left) - 2, int(seen.height - top) - 2, int(right) + 3, int(seen.height - low) + 3))
        counted = sorted(box.getcolors(box.width * box.height) or [], reverse=True)
        yield Letters(*_font(each), colour, next(found for _, found in counted if found != colour))


def _colour(each: pypdfium2.PdfObject) -> tuple[int, ...]:
    parts = [ctypes.c_uint() for _ in range(4)]
    pdfium.FPDFPageObj_GetFillColor(each.raw, *parts)
    return tuple(part.value for part in parts[:3])


def _font(each: pypdfium2.PdfObject) -> tuple[float, str, bool]:
    size, name = ctypes.c_float(), ctypes.create_string_buffer(100)
    pdfium.FPDFTextObj_GetFontSize(each.raw, size)
    font = pdfium.FPDFTextObj_GetFont(each.raw)
    pdfium.FPDFFont_GetBaseFontName(font, name, 100)
    embedded = bool(pdfium.FPDFFont_GetIsEmbedded(font))
    return size.value * abs(each.get_matrix().d), name.value.decode(), embedded


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """WCAG 2's contrast ratio."""

    def luminance(colour: tuple[int, ...]) -> float:
        parts = [part / 255 for part in colour]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@EACH_LANGUAGE
def test_the_fullest_home_takes_one_sheet_of_a4(language: str) -> None:
    document = pypdfium2.PdfDocument(printed(language))
    assert len(document) == 1
    assert document[0].get_size() == pytest.approx(A4_PT, abs=0.5)


@EACH_LANGUAGE
def test_no_letter_is_smaller_than_18_pt_and_no_title_than_24(language: str) -> None:
    found = letters(language)
    assert len(found) > 30
    assert min(each.size_pt for each in found) >= 18 - 0.01
    titles = [each for each in found if each.colour == (255, 255, 255)]
    assert titles
    assert min(each.size_pt for each in titles) >= 24 - 0.01


@EACH_LANGUAGE
def test_every_letter_stands_out_from_what_it_is_on_by_7_to_1(language: str) -> None:
    pairs = {(each.colour, each.under) for each in letters(language)}
    assert len(pairs) == 3  # black on white; white on red and on blue
    assert min(contrast(*pair) for pair in pairs) >= 7


@EACH_LANGUAGE
def test_every_font_is_ours_and_in_the_file(language: str) -> None:
    found = {(each.font.split("+")[-1], each.embedded) for each in letters(language)}
    ours = {"Card", "Card-Bold"} | ({"Card-Urdu", "Card-Urdu-Bold"} if language == "ur" else set())
    assert found == {(font, True) for font in ours}


def test_no_font_is_asked_for_but_ours() -> None:
    style = FONTS.with_name("card.css").read_text()
    families = {each.strip(' "') for value in re.findall(r"font-family: ([^;]+);", style) for each in value.split(",")}
    families |= set(re.findall(r"font: \S+ ([^;]+);", style))
    assert families == {"Card", "Card Urdu"}


@EACH_LANGUAGE
def test_each_letter_of_each_phrase_is_in_our_fonts(language: str) -> None:
    names = ("NotoNastaliqUrdu", "NotoSans") if language == "ur" else ("NotoSans",)
    for weight in ("Regular", "Bold"):
        known = {point for name in names for point in TTFont(FONTS / f"{name}-{weight}.ttf").getBestCmap()}
        said = {ord(each) for each in (FOLDER / f"{language}.po").read_text(encoding="utf-8") if each.isprintable()}
        assert not said - known


def test_the_same_home_gives_the_same_bytes() -> None:
    assert print_pdf(lambda size_pt: page(FULLEST, words_of("en"), size_pt), SIZES_PT[:1]) == printed("en")


@pytest.mark.parametrize(("lines", "largest"), [(1, 26), (30, 24), (35, 21), (40, 18)])
def test_the_less_a_home_has_to_tell_the_larger_are_its_letters(lines: int, largest: int) -> None:
    sheet = pypdfium2.PdfDocument(print_pdf(lambda size_pt: _lines(lines, size_pt)))[0]
    assert sheet.get_textpage().get_text_range().split()[0] == str(largest)


def _lines(lines: int, size_pt: float) -> str:
    style = f"* {{ margin: 0; font: {size_pt}pt/1.1 Card }} @page {{ size: A4; margin: 0 }}"
    return f"<style>{style}</style><p>{size_pt}" + "<br>word" * lines


def test_more_than_a_sheet_can_hold_is_refused() -> None:
    with pytest.raises(PaperError, match="more to tell than one sheet"):
        print_pdf(lambda size_pt: _lines(90, size_pt))


def where(language: str, words: str) -> Box:
    """Give where these words stand: left, low, right, top, in points from the sheet's lower left corner."""
    text = pypdfium2.PdfDocument(printed(language))[0].get_textpage()
    index, count = text.search(words, match_case=True).get_next()
    first, last = text.get_charbox(index), text.get_charbox(index + count - 1)
    return first[0], first[1], last[2], first[3]


def test_the_card_is_mirrored_where_text_runs_from_right_to_left() -> None:
    assert where("en", "Press pendant")[0] < where("en", "Press bell")[0]
    assert where("cy", "Press pendant")[0] < where("cy", "Press bell")[0]
    assert where("ur", "Press pendant")[0] > where("ur", "Press bell")[0]


def test_urdu_runs_from_right_to_left_and_its_numbers_do_not() -> None:
    text = pypdfium2.PdfDocument(printed("ur"))[0].get_textpage()
    found = [(text.get_text_range(index, 1), text.get_charbox(index)) for index in range(text.count_chars())]
    left, low, right, top = where("ur", "Press pendant")
    above = {each: box for each, box in found if left < box[0] < right and top < box[1] < top + 2 * (top - low) + 10}
    assert above["ل"][0] > above["ٹ"][0]  # the pendant's word begins with the one and ends with the other
    tens = [(one[0], nought[0]) for (each, one), (after, nought) in pairwise(found) if each + after == "10"]
    assert len(tens) == 2  # in Urdu, and in English beside it
    assert all(one < nought for one, nought in tens)


@pytest.mark.parametrize(
    ("language", "home"),
    [
        ("cy", replace(FULLEST, cancel_s=0, line_min=None)),
        ("ur", replace(FULLEST, cancel_s=0, line_min=None)),
        ("cy", replace(FULLEST, cancel_s=120, hub_min=90, line_min=89)),
        (
            "ur",
            replace(FULLEST, answer="cancel", lamps=(*FULLEST.lamps[:2], "through", *FULLEST.lamps[3:]), hub_min=None),
        ),
    ],
)
def test_what_else_a_full_home_may_say_fits_too(language: str, home: Home) -> None:
    assert print_pdf(lambda size_pt: page(home, words_of(language), size_pt), SIZES_PT[:1])


def test_a_machine_without_pango_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise OSError("cannot load library 'libpangoft2-1.0-0'")

    monkeypatch.setitem(sys.modules, "weasyprint", Broken("weasyprint"))
    with pytest.raises(PaperError, match="apt install libpangoft2"):
        print_pdf(lambda _: "")
