"""What a plan has the hub say: every text by its reference, and the language that it is said in."""

from collections.abc import Iterator

from rules.plan import Plan


def language_of(plan: Plan, person: str) -> str:
    """Give the language to speak to a person in: theirs, else the plan's."""
    found = (each.language for each in plan.people if each.person == person)
    return next(found, "") or plan.language


def spoken(plan: Plan) -> dict[str, str]:
    """Give the language (BCP 47) of each text that the plan has said: a text is in one language, of whom it is for.

    A reminder's is its person's; what a ladder says, and information, is for all who live there: the plan's. Texts
    that nothing in the plan says, and that the centre may have said by their reference, are in the plan's as well.
    """
    found: dict[str, str] = {}
    for text, language in _said(plan):
        if text:
            found.setdefault(text, language)
    return found


def _said(plan: Plan) -> Iterator[tuple[str, str]]:
    yield from ((each.text, language_of(plan, each.person)) for each in plan.reminders)
    yield from ((step.text, plan.language) for ladder in plan.ladders for step in ladder.steps)
    yield from ((each.text, plan.language) for each in plan.information)
