"""The commissioning report's page: what does not work first, nothing private, nothing that is markup; and on paper."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import pypdfium2  # type: ignore[import-untyped]
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]
from msgspec.structs import replace

from provisioning.report.command import print_report
from provisioning.report.facts import Commissioning
from provisioning.report.page import page

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><title>drawn</title></svg>'


class Outline(HTMLParser):
    """The headings, and what must be closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.headings: list[tuple[int, str]] = []
        self.open: list[str] = []
        self.lang = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            self.lang = dict(attrs).get("lang") or ""
        if tag != "meta":
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and re.fullmatch("h[1-6]", self.open[-1]):
            level, text = self.headings[-1]
            self.headings[-1] = level, text + data


def test_what_does_not_work_comes_first_then_the_gaps_then_the_rest(made: Commissioning) -> None:
    outline = Outline(page(made, [PICTURE]))
    titles = [text for level, text in outline.headings if level == 2]
    assert titles[:2] == ["1 thing does not work", "Accepted gaps: nobody may come"]
    assert titles[-1] == "Signatures"
    assert not outline.open
    assert outline.lang == "en"


def test_headings_are_nested_so_that_they_can_be_read_aloud(made: Commissioning) -> None:
    levels = [level for level, _ in Outline(page(made)).headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


def test_a_home_in_which_all_works_is_told_so_in_words(made: Commissioning) -> None:
    html = page(replace(made, not_working=(), gaps=()))
    assert "Nothing was found that does not work" in html
    assert "nothing is known that does not work and no gap is accepted" in html
    assert 'class="bad"' not in html
    assert 'class="gaps"' not in html


def test_whoever_signs_signs_what_does_not_work(made: Commissioning) -> None:
    signatures = page(made).partition("Signatures")[2]
    assert signatures.count("1 thing does not work and 1 gap is accepted") == 2
    assert "hub-3f9a" in signatures


def test_s11_names_and_addresses_are_blanks_to_be_filled_in_by_hand(made: Commissioning) -> None:
    html = page(made)
    for blank in ("Name", "Signature"):
        assert re.search(rf"<th scope='row'>{blank}</th><td></td>", html)
    assert '<span class="blank"></span>' in html


def test_s1_a_report_that_tells_of_a_hidden_button_says_where_it_may_not_lie(made: Commissioning) -> None:
    assert "hidden button" not in page(made)
    hidden = replace(made.sensors[0], kind="door-button")
    assert "no visitor can read it" in page(replace(made, sensors=(hidden,)))


def test_nothing_that_it_is_given_is_markup_and_nothing_is_fetched(made: Commissioning) -> None:
    html = page(made, [PICTURE])
    assert "&lt;b&gt;&amp;amp;" in html
    assert PICTURE in html
    assert not re.search(r"(src|href)=|url\(|@import", html)


def test_a_date_by_a_clock_that_is_not_trusted_is_left_to_the_hand(made: Commissioning) -> None:
    assert "2026-11-22, 13:45 UTC" in page(made)
    html = page(replace(made, synced=False, walked=""))
    assert "the clock was not synchronised" in html
    assert "13:45" not in html


def test_round_trips_are_told_by_the_middle_best_and_worst(made: Commissioning) -> None:
    html = page(made)
    assert "after 210 ms for the middle one, 41 ms at best and 1.9 s at worst" in html
    assert "nobody knows whether one arrives" in page(replace(made, round_trips_ms=()))


# --- on paper --------------------------------------------------------------------------------------------


def test_the_sheets_are_a4_tagged_numbered_and_in_our_letters(made: Commissioning) -> None:
    many = tuple(replace(made.sensors[0], sensor=f"living-room-temperature-{n}", kind="temperature") for n in range(24))
    pdf = print_report(page(replace(made, sensors=many), [PICTURE]))
    document = pypdfium2.PdfDocument(pdf)
    assert len(document) >= 3
    for number, sheet in enumerate(document, start=1):
        assert [round(each) for each in sheet.get_size()] == [595, 842]
        text = sheet.get_textpage().get_text_range()
        assert f"page {number} of {len(document)}" in text
        assert "hub-3f9a" in text
        for each in sheet.get_objects(filter=[pdfium.FPDF_PAGEOBJ_TEXT], max_depth=8):
            left, _, right, _ = each.get_bounds()
            assert left > 30, "it runs off the sheet"
            assert right < 565, "it runs off the sheet"
    assert pdfium.FPDFCatalog_IsTagged(document.raw)
    first = document[0].get_textpage().get_text_range()
    assert "does not work" in first
    assert "Accepted gaps" in first
    # the head of a table that goes on is told again
    heads = [sheet.get_textpage().get_text_range().count("Last heard") for sheet in document]
    assert sum(heads) >= 2
