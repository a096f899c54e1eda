"""What is remembered is what would be answered: by the same objects, and no others; and it does not grow."""

from rules.plan import Plan
from rules.recall import ANSWERS_MAX, recalled


def test_the_same_objects_are_asked_about_once_and_equal_ones_again() -> None:
    asked: list[str] = []

    @recalled
    def language(plan: Plan) -> str:
        asked.append(plan.language)
        return plan.language

    one, equal, other = Plan(language="cy"), Plan(language="cy"), Plan(language="ur")
    assert [language(each) for each in (one, one, equal, other, one)] == ["cy", "cy", "cy", "ur", "cy"]
    assert asked == ["cy", "cy", "ur"]


def test_s12_only_the_last_few_are_remembered_and_an_id_used_anew_is_not_mistaken() -> None:
    asked: list[int] = []

    @recalled
    def version(plan: Plan) -> int:
        asked.append(plan.version)
        return plan.version

    # Each plan is let go of at once, so that the next may be where it was.
    assert [version(Plan(version=number)) for number in range(100)] == list(range(100))
    kept = [Plan(version=number) for number in range(ANSWERS_MAX + 1)]
    asked.clear()
    for each in (*kept, kept[0]):
        version(each)
    assert asked == [*range(ANSWERS_MAX + 1), 0]
