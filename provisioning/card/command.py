"""`hearthline card`: makes the card for the fridge, for this home and in the resident's language."""

import sys
from pathlib import Path

import click

from agent.config import ConfigError, HubConfig, load
from agent.plan.hub import hub_config
from agent.plan.keeping import FOLDER, versions
from agent.plan.reading import PlanError, parse, read_plan
from provisioning.card.home import home_of
from provisioning.card.page import page
from provisioning.card.paper import PaperError, print_pdf
from provisioning.card.words import SOURCE, UnknownLanguageError, Words, languages, words_of
from provisioning.commands.options import config_option
from rules.plan import Plan

EXIT_CANNOT = 2


class CardError(Exception):
    """The card cannot be made; the text says why and what to do."""


@click.command()
@config_option("hub_toml")
@click.option("--plan", "plan_file", type=click.Path(path_type=Path), help="The care plan; else the hub's newest one.")
@click.option("--language", help="Such as cy; else the resident's, by the care plan.")
@click.option("--person", default="", help="Whose card it is, by reference, where several people live.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("card.pdf"), show_default=True, help="The PDF.")
def card(hub_toml: Path, plan_file: Path | None, language: str | None, person: str, out: Path) -> None:
    """Make the card for the fridge: one sheet of A4, in large print and pictures.

    It tells what this home's buttons do and what its lights mean, how to test, and what to do in a power cut. There is
    a line to write a telephone number on; nothing private is printed, and no hidden button.

    \b
    Exits with
      0  the card is made
      2  it cannot be: the reason and the remedy are told
    """  # noqa: D301 -- click's mark for lines kept as they are
    try:
        config = load(hub_toml)
        plan = _plan(config, plan_file)
        _known(person, config, plan)
        words = _words(language, plan, person)
        home = home_of(config, plan, person)
        pdf = print_pdf(lambda size_pt: page(home, words, size_pt))
        out.write_bytes(pdf)
    except (ConfigError, PlanError, CardError, UnknownLanguageError, PaperError) as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{out}: {error.strerror}: name another file with --out")
    by = (
        "no care plan, so without hours for a power cut" if plan is None else f"version {plan.version} of the care plan"
    )
    click.echo(f"{out}: one sheet of A4 in {words.language}, by {by}.")
    if not words.reviewed:
        click.echo(
            f"No speaker of {words.language} has read these words yet: they stand beside English. Have them read."
        )


def _fail(reason: str) -> None:
    click.echo(reason, err=True)
    sys.exit(EXIT_CANNOT)


def _plan(config: HubConfig, plan_file: Path | None) -> Plan | None:
    """Give the plan that was named, else the newest that the hub keeps, else none. Raises PlanError, CardError."""
    if plan_file is not None:
        return read_plan(plan_file, hub_config(config)).plan
    folder = config.state_dir / FOLDER
    try:
        newest = max(versions(folder), default=None)
        name = "" if newest is None else f"{newest}.json"
        content = (folder / name).read_bytes() if name else b""
    except FileNotFoundError:  # no plan yet
        return None
    except PermissionError:
        remedy = "run this as root or as the hub's user, or name the plan with --plan"
        raise CardError(f"{folder}: the hub's care plan cannot be read: {remedy}") from None
    return read_plan(parse(content, name, json=True)).plan if name else None


def _known(person: str, config: HubConfig, plan: Plan | None) -> None:
    """Refuse a person that nobody is. Raises CardError."""
    people = {each.person for each in config.sensors} | {each.person for each in (plan or Plan()).people}
    if person and person not in people:
        known = ", ".join(sorted(people - {""})) or "nobody by name"
        raise CardError(f"nobody here is {person!r}: there is {known}; or leave --person out")


def _words(language: str | None, plan: Plan | None, person: str) -> Words:
    """Give the words of the language asked for, else of the resident's, else English. Raises UnknownLanguageError."""
    if language is not None:
        return words_of(language)
    ruled = plan or Plan()
    theirs = next((each.language for each in ruled.people if each.person == person), "") or ruled.language
    try:
        return words_of(theirs)
    except UnknownLanguageError:
        click.echo(
            f"There are no words in {theirs} yet, so the card is in English; {', '.join(languages())} there are."
        )
        return words_of(SOURCE)
