"""`hearthline status --reminders`: how the reminders of the last days were answered, for people and for machines."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from agent.status import OpenReminder, RemindersStatus
from agent.wire.messages import encode_event
from provisioning.commands.reminders import MARKS
from provisioning.commands.status import status
from rules.actions import Send
from rules.reports import Report
from tests.support.reminders import MIN, missed, prompted, taken

NOW = "2026-10-14T21:00:00.000Z"


def answer(*reports: Report, **more: Any) -> bytes:
    given: dict[str, Any] = {"hub": "hub-1", "wall": NOW, "synced": True, "zone": "Europe/London"}
    given |= {"today": "2026-10-14", "days": 14, "since": "2026-09-01T00:00:00.000Z", "trouble": "", "open": ()}
    events = [encode_event("hub-1", Send("e1", "a", seq, 0, report)) for seq, report in enumerate(reports)]
    return msgspec.json.encode(RemindersStatus(**given | more, events=tuple(map(msgspec.Raw, reversed(events)))))


def waiting(**more: Any) -> OpenReminder:
    given: dict[str, Any] = {"reminder": "morning", "kind": "medication", "person": "p1", "date": "2026-10-14"}
    given |= {"slot": "20:00", "due": "2026-10-14T20:00:00.000Z", "state": "waiting", "why": "alarm", "prompts": 0}
    return OpenReminder(**given | more)


Served = Callable[..., Path]


def shown(cli: CliRunner, path: Path, *options: str, width: int = 80) -> tuple[int, list[str]]:
    done = cli.invoke(status, ["--socket", str(path), "--reminders", *options], env={"COLUMNS": str(width)})
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output.splitlines()


def line(lines: list[str], begin: str) -> str:
    (found,) = (each for each in lines if each.startswith(begin))
    return found


def test_a_mark_for_each_occasion_the_percent_and_the_median(cli: CliRunner, served: Served) -> None:
    fortnight: list[Report] = [taken(day, after_ms=4 * MIN) for day in range(1, 9)]
    fortnight += [taken(9, after_ms=50 * MIN, how="lid"), missed(10), missed(11, why="away"), missed(12, why="alarm")]
    evening = [taken(day, "20:00") for day in (12, 13)]
    open_now, unknown, off = prompted(14, "20:00"), prompted(13), missed(14, why="hub")
    path = served(answer(*fortnight, *evening, open_now, unknown, off), "reminders")
    code, lines = shown(cli, path)
    assert code == 1
    assert lines[0] == "Reminders of hub-1 from 2026-10-01 to 2026-10-14, by the clock of Europe/London"
    assert line(lines, "reminder").split() == ["reminder", "at", "TFSSMTWTFSSMTW", "taken", "median"]
    assert line(lines, "morning").split() == ["morning", "08:00", "++++++++~xa!?h", "68", "%", "4", "min"]
    assert line(lines, "          20:00").split() == ["20:00", "...........++o"]
    for mark, _, words in MARKS.values():
        assert f"{mark} {words}" in " ".join(lines)
    assert len({mark for mark, _, _ in MARKS.values()}) == len(MARKS)  # told apart without colour


def test_as_json_all_of_it_is_one_line(cli: CliRunner, served: Served) -> None:
    path = served(answer(prompted(14), taken(14), missed(13, "20:30"), open=(waiting(),)), "reminders")
    code, lines = shown(cli, path, "--json")
    assert (code, len(lines)) == (0, 1)
    told = json.loads(lines[0])
    (reminder,) = told["adherence"]["reminders"]
    tally = reminder["tally"]
    assert (told["hub"], told["adherence"]["last"]) == ("hub-1", "2026-10-14")
    assert [tally[each] for each in ("due", "taken", "missed", "open", "percent")] == [3, 1, 1, 1, 50]
    assert [day["tally"]["due"] for day in reminder["days"]] == [0] * 12 + [1, 2]
    assert (told["missed_lately"], told["open"][0]["state"]) == (0, "waiting")


@pytest.mark.parametrize(
    ("report", "more", "code"),
    [
        (taken(14), {}, 0),
        (prompted(14), {}, 0),
        (missed(13, "22:00"), {}, 1),
        (missed(13, "20:00"), {}, 0),  # more than a day ago
        (taken(14), {"trouble": "the disk did not answer in time"}, 1),
    ],
)
def test_it_exits_1_when_one_was_missed_within_a_day_or_not_all_is_known(
    cli: CliRunner, served: Served, report: Report, more: dict[str, Any], code: int
) -> None:
    path = served(answer(report, **more), "reminders")
    assert shown(cli, path)[0] == shown(cli, path, "--json")[0] == code


def test_what_needs_words_gets_them(cli: CliRunner, served: Served) -> None:
    told = answer(
        taken(13),
        missed(13),
        taken(12, date="never"),
        since="2026-10-12T03:00:00.000Z",
        trouble="the disk did not answer in time",
        synced=False,
        open=(waiting(),),
    )
    text = "\n".join(shown(cli, served(told, "reminders"))[1])
    assert "Kept here since 2026-10-12; what was before, the centre knows." in text
    assert "morning, 2026-10-13 08:00: different outcomes; counted as taken by button" in text
    assert "1 events have no date that can be read" in text
    assert "clock is not synchronised" in text
    assert "This is not all: the disk did not answer in time" in text
    assert "morning   2026-10-14  20:00  waiting  alarm       0 times" in text
    assert f"morning   08:00  {' ' * 11}.+.  100 %" in text  # no dots where nothing is kept


def test_of_no_reminders_it_says_so(cli: CliRunner, served: Served) -> None:
    code, lines = shown(cli, served(answer(), "reminders"))
    assert (code, lines[1]) == (0, "None was due.")


def test_the_longest_references_fit_a_terminal_of_80_columns(cli: CliRunner, served: Served) -> None:
    name, plenty = "a" * 40, [f"{hour:02d}:00" for hour in range(8, 20)]
    many = [missed(14, slot, reminder=f"{name[:-2]}{each:02d}") for each in range(32) for slot in plenty]
    lines = shown(cli, served(answer(*many, open=(waiting(reminder=name),) * 3), "reminders"))[1]
    assert max(map(len, lines)) <= 80
    assert sum(".............x" in each for each in lines) == 32 * 12
    assert sum(each.rstrip().endswith("0 %") for each in lines) == 32


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b'{"error": "unknown question: ask {}"}', "unknown question"),
        (b'{"hub": "hub-1"}', "the same version"),
        (answer().replace(b'"events":[]', b'"events":[{"id": 1}]'), "the same version"),
        (answer(today="soon"), "the same version"),
        (answer(wall=""), "the same version"),
        (answer(days=0), "the same version"),
    ],
)
def test_an_answer_of_another_make_is_refused(cli: CliRunner, served: Served, given: bytes, said: str) -> None:
    done = cli.invoke(status, ["--socket", str(served(given, "reminders")), "--reminders"])
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_a_hub_that_does_not_run_cannot_be_asked(cli: CliRunner, tmp_path: Path) -> None:
    assert shown(cli, tmp_path / "none.sock")[0] == 2
