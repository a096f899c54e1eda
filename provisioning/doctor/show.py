"""Shows what the doctor found: by group, and at the end what there is to mend, the worst first."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from provisioning.doctor.finding import Finding, Looked, State

_SIGNS: dict[State, tuple[str, str]] = {
    "well": ("✓", "green"),
    "warning": ("!", "yellow"),
    "wrong": ("✗", "bold red"),
    "skipped": ("-", "dim"),
}


def findings(looked: Iterable[Looked], *states: State) -> list[Finding]:
    """Give the findings of these states, in the order of the states.

    What two checks find of the same thing is told once, by the one that comes first: it looked nearer to the cause.
    """
    return [each for state in states for each in _told_once(looked, state)]


def _told_once(looked: Iterable[Looked], state: State) -> Iterator[Finding]:
    told: set[str] = set()
    for one in looked:
        found = [each for each in one.findings if each.state == state and each.about not in told]
        yield from found
        told.update(each.about for each in found)


def show(looked: Sequence[Looked], console: Console) -> None:
    """Show everything, then what to do. Groups that nothing was looked at in stand together, short."""
    left_out = [one for one in looked if all(each.state == "skipped" for each in one.findings)]
    for one in looked:
        if one not in left_out:
            console.print(Text(f"\n{one.title}", "bold"))
            for each in one.findings:
                console.print(_line(each))
    if any(one.findings for one in left_out):
        console.print(Text("\nNot looked at", "bold"))
        for each in (each for one in left_out for each in one.findings):
            console.print(_line(each))
    console.print()
    for line in summary(looked):
        console.print(line)


def _line(finding: Finding) -> Table:
    sign, style = _SIGNS[finding.state]
    about = Text(f"{finding.about}: ", "" if finding.state == "well" else style)
    return _hanging(
        Text(f"  {sign}", style), about.append(finding.found, "dim" if finding.state == "skipped" else "none")
    )


def summary(looked: Sequence[Looked]) -> Iterator[Text | Table]:
    """Say how many things there are to mend, and how, the worst first."""
    wrong, odd = findings(looked, "wrong"), findings(looked, "warning")
    if not wrong:
        yield Text("Nothing is wrong." if odd else "All is well.", "bold green")
    if wrong:
        yield Text(f"{_things(len(wrong))} to mend:", "bold red")
        yield from _remedies(wrong)
    if odd:
        yield Text(f"{_things(len(odd))} to look at:", "bold yellow")
        yield from _remedies(odd)


def _remedies(found: Sequence[Finding]) -> Iterator[Table]:
    for number, each in enumerate(found, start=1):
        text = Text(f"{each.about}: {each.found}\n→ ").append(each.remedy, "bold")
        yield _hanging(Text(f"{number:>3}."), text)


def _hanging(sign: Text, words: Text) -> Table:
    """Put words beside a sign: what is too long goes on below the words."""
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_row(sign, words)
    return line


def _things(count: int) -> str:
    return f"{count} {'thing' if count == 1 else 'things'}"
