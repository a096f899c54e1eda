"""A care plan as a page (HTML) that stands alone: its sentences and time-lines, for a telephone and for paper."""

from provisioning.plan.explain_words import Section, sentences
from provisioning.plan.picture import timelines
from provisioning.plan.svg import clean
from rules.plan import Plan

_STYLE = """
body { font: 1.1rem/1.5 Helvetica, Arial, 'Liberation Sans', sans-serif; color: #1a1a1a; background: #fff;
  max-width: 34rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; break-after: avoid; }
ul { margin: 0; padding-left: 1.2rem; }
li { margin: .4rem 0; break-inside: avoid; }
figure { margin: 1rem 0; break-inside: avoid; }
svg { display: block; width: 100%; height: auto; max-width: 30rem; }
@media print {
  @page { size: A4; margin: 18mm; }
  body { font-size: 11pt; max-width: none; padding: 0; }
  svg { max-width: 11cm; max-height: 24cm; }
}
"""


def page(plan: Plan) -> str:
    """Write a plan as a page. Nothing in it is fetched from anywhere, and nothing in a plan is markup."""
    title = f"Care plan {plan.version}"
    drawn = iter(timelines(plan))
    sections = "".join(_section(section, next(drawn) if section.alarm else "") for section in sentences(plan))
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{clean(title)}</title>\n<style>{_STYLE}</style>\n<main>\n<h1>{clean(title)}</h1>\n{sections}</main>\n"
        "</html>\n"
    )


def _section(section: Section, drawn: str) -> str:
    points = "".join(f"<li>{clean(point)}</li>\n" for point in section.points)
    figure = f"<figure>\n{drawn}</figure>\n" if drawn else ""
    return f"<section>\n<h2>{clean(section.title)}</h2>\n<ul>\n{points}</ul>\n{figure}</section>\n"
