"""Writes what the soak found, as tables for docs/no-loss.md and for people at a terminal."""

from collections.abc import Iterable

from simulators.trials.results import Results, together
from simulators.trials.trial import Figures, Trial, percentile


def verdict(trial: Trial, results: Results) -> str:
    """Say in a few words how a trial stands."""
    lines = results.of(trial)
    violations = sum(bool(line.violation) for line in lines)
    if violations:
        return f"{violations} VIOLATIONS"
    if not lines:
        return "not tried"
    elsewhere = [line.not_here for line in lines if line.not_here]
    if len(elsewhere) == len(lines):
        return f"not tried here: {elsewhere[0]}"
    return "no violation"


def described(figures: Figures) -> list[str]:
    """Write figures as short phrases: counts first, then p50 / p99 / worst of what was measured."""
    said = [f"{count:,} {name}" for name, count in figures.counted.items()]
    for name, samples in figures.measured.items():
        middle, high, worst = percentile(samples, 0.5), percentile(samples, 0.99), max(samples)
        said.append(f"{name}: {middle:g} / {high:g} / {worst:g}")
    return said


BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"


def put(table: str, text: str) -> str:
    """Put the table where a page wants it, between its two marks; a page without them becomes the table."""
    if BEGIN not in text or END not in text:
        return table
    return text[: text.index(BEGIN) + len(BEGIN)] + "\n" + table + text[text.index(END) :]


def page(trials: Iterable[Trial], results: Results) -> str:
    """Write the table of every trial, in Markdown."""
    rows = [
        f"Made with the code `{results.code}`: the first digits of the SHA-256 of its sources.",
        "",
        "| Trial | Rules | Rounds | Found | Counted, and measured (p50 / p99 / worst) |",
        "|---|---|---|---|---|",
    ]
    for trial in trials:
        lines = [line for line in results.of(trial) if not line.not_here]
        counted = "; ".join(described(together(lines)))
        rows.append(f"| {trial.name} | {trial.rules} | {len(lines):,} | {verdict(trial, results)} | {counted} |")
    return "\n".join(rows) + "\n"
