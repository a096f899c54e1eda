"""Makes the card's letters in `fonts/` from whole fonts: `python -m provisioning.card.make_fonts FOLDER`.

FOLDER holds Noto Sans and Noto Nastaliq Urdu, Regular and Bold, as Debian's `fonts-noto-core` installs them in
`/usr/share/fonts/truetype/noto`. They are under the SIL Open Font License 1.1 (`fonts/OFL.txt`), which allows it.
"""

import sys
from pathlib import Path
from typing import Final

from fontTools.subset import Options, Subsetter, parse_unicodes  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

from provisioning.card.paper import FONTS

LATIN: Final = "20-7E,A0-17F,1E80-1E85,1EF2-1EF3,2010-2015,2018-201E,2022,2026"
"""Western and central European letters, Welsh's among them, and punctuation."""

URDU: Final = (
    "20-7E,A0,60C,61B,61F,621-63A,641-652,654-656,658,66A-66C,670,679,67E,686,688,691,698,6A9,6AF,6BA,6BE,6C0-6C3,"
    "6CC,6D2-6D4,6F0-6F9,200C-200F"
)

URDU_LINE: Final = (1_360, -520)
"""How far above and below its base line a line of Urdu reaches, of 1,000. Noto's own 1,904 and -596 leave room for four
marks above a word, and put every word at the foot of its line."""


def main(folder: Path) -> None:
    """Make them all."""
    for weight in ("Regular", "Bold"):
        _make(folder / f"NotoSans-{weight}.ttf", LATIN, ["kern", "liga", "mark", "mkmk", "ccmp", "locl"], None)
        _make(folder / f"NotoNastaliqUrdu-{weight}.ttf", URDU, ["*"], URDU_LINE)


def _make(source: Path, characters: str, features: list[str], line: tuple[int, int] | None) -> None:
    font = TTFont(source, recalcTimestamp=False)
    subsetter = Subsetter(Options(hinting=False, layout_features=features))
    subsetter.populate(unicodes=parse_unicodes(characters))
    subsetter.subset(font)
    if line is not None:
        above, below = line
        font["hhea"].ascent, font["hhea"].descent = above, below
        font["OS/2"].sTypoAscender, font["OS/2"].sTypoDescender = above, below
        font["OS/2"].usWinAscent, font["OS/2"].usWinDescent = above, -below
    font.save(FONTS / f"{source.stem}.ttf")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
