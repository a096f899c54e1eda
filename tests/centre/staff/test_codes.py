"""Codes of an app against RFC 6238's own figures, and recovery codes."""

import base64
from urllib.parse import unquote

import pytest

from centre.staff import codes

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("at_s", "code"),
    [(59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (20_000_000_000, "353130")],
)
def test_codes_are_those_of_rfc_6238(at_s: int, code: str) -> None:
    # Appendix B gives eight figures; six are their last.
    assert codes.code_at(SECRET, at_s * 1_000) == code
    assert codes.step_of(SECRET, code, at_s * 1_000) == at_s // 30


def test_a_code_is_good_for_a_step_before_and_after_and_no_longer() -> None:
    at_ms = 1_000_000_000_000
    code = codes.code_at(SECRET, at_ms)
    step = at_ms // 30_000
    assert [codes.step_of(SECRET, code, at_ms + n * 30_000) for n in (-2, -1, 0, 1, 2)] == [
        None,
        step,
        step,
        step,
        None,
    ]


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "\uff11\uff12\uff13\uff14\uff15\uff16", "\0" * 6, "x" * 100_000]
)
def test_what_is_no_code_is_none(code: str) -> None:
    assert codes.step_of(SECRET, code, 59_000) is None


def test_a_code_may_be_typed_with_spaces() -> None:
    assert codes.step_of(SECRET, " 287 082 ", 59_000) == 1


def test_recovery_codes_have_120_bits_and_are_kept_as_digests() -> None:
    made = codes.new_recovery()
    assert len(set(made)) == 10
    assert all(len(base64.b32decode(codes.tidy(code))) * 8 == 120 for code in made)
    kept = [codes.digest(code) for code in made]
    assert codes.found(made[3].lower().replace(" ", "-"), kept) == kept[3]
    assert codes.found(made[3][:-1], kept) == ""
    assert codes.found("", kept) == ""
    assert not any(codes.tidy(code) in "".join(kept) for code in made)


def test_the_drawing_is_an_image_within_the_page_and_says_whose_it_is() -> None:
    drawing = codes.drawing(SECRET, "asha-k")
    assert drawing.startswith("data:image/svg+xml")
    assert "<script" not in unquote(drawing)
    assert codes.tidy(codes.readable(SECRET)) == base64.b32encode(SECRET).decode()
