"""The soak itself: progress, taking up again, violations that are seen, and results that are never mixed up."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simulators.trials import __main__ as soak_module
from simulators.trials.page import BEGIN, END, put
from simulators.trials.results import Line, Results, code_name, together
from simulators.trials.trial import Figures, NotHereError, Round, Trial, Violation, percentile, play_rounds, seed_of

played: list[int] = []


async def _fine(this: Round) -> Figures:
    played.append(this.number)
    figures = Figures()
    figures.count("kills", 2)
    figures.measure("waited, ms", float(this.number))
    return figures


async def _broken(this: Round) -> Figures:
    if this.number == 1:
        raise Violation("S4: two alarms")
    return await _fine(this)


async def _elsewhere(_this: Round) -> Figures:
    raise NotHereError("it needs a moon")


async def _crashes(_this: Round) -> Figures:
    raise RuntimeError("a defect of the trial")


def trial(play: object, name: str = "trial", rounds: int = 3) -> Trial:
    return Trial(name, "S1", "nothing is lost", rounds, play)  # type: ignore[arg-type]


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *trials: Trial, args: tuple[str, ...] = ()) -> Result:
    monkeypatch.setattr(soak_module, "trials", lambda: list(trials))
    played.clear()
    return CliRunner().invoke(soak_module.soak, ["--results", str(tmp_path / "results.jsonl"), *args])


def test_every_trial_of_the_package_is_found_and_has_a_name_of_its_own() -> None:
    names = [each.name for each in soak_module.trials()]
    assert len(names) == len(set(names))
    assert names


def test_every_promise_is_a_phrase_that_a_list_can_hold() -> None:
    for each in soak_module.trials():
        assert re.match(r"[A-Z0-9].*[^.]$", each.promise), each.name
        assert re.fullmatch(r"S\d+( S\d+)*", each.rules), each.name


def test_an_interrupted_soak_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = run(monkeypatch, tmp_path, trial(_fine), args=("--rounds", "2"))
    assert (first.exit_code, played) == (0, [0, 1])
    second = run(monkeypatch, tmp_path, trial(_fine))
    assert (second.exit_code, played) == (0, [2])
    assert "2 of 3 rounds are made already" in second.output
    assert "6 kills" in second.output
    assert "waited, ms: 1 / 2 / 2" in second.output


def test_a_line_cut_short_by_the_power_is_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(monkeypatch, tmp_path, trial(_fine))
    path = tmp_path / "results.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    run(monkeypatch, tmp_path, trial(_fine))
    assert played == [2]


def test_results_of_other_code_do_not_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Results(tmp_path / "results.jsonl", "another-code").add(Line("another-code", "trial", 0, 1.0))
    result = run(monkeypatch, tmp_path, trial(_fine))
    assert played == [0, 1, 2]
    assert "are of other code" in result.output


@pytest.mark.parametrize(("play", "says"), [(_broken, "S4: two alarms"), (_crashes, "a defect of the trial")])
def test_a_violation_and_a_breakdown_fail_the_soak(
    play: object, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = run(monkeypatch, tmp_path, trial(play))
    assert result.exit_code == 1
    assert says in result.output
    assert "VIOLATIONS" in result.output
    again = run(monkeypatch, tmp_path, trial(play), args=("--round", "1"))
    assert (again.exit_code, says in again.output) == (1, True)


def test_what_cannot_be_tried_here_is_no_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    result = run(monkeypatch, tmp_path, trial(_elsewhere), trial(_fine, "other"), args=("--write", str(page)))
    assert result.exit_code == 0
    assert "| trial | S1 | 0 | not tried here: it needs a moon |" in page.read_text()
    assert "| other | S1 | 3 | no violation | 6 kills; waited, ms: 1 / 2 / 2 |" in page.read_text()


def test_the_table_goes_where_a_page_wants_it() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert put("| new |\n", text) == f"before\n{BEGIN}\n| new |\n{END}\nafter\n"
    assert put("| new |\n", "") == "| new |\n"


def test_an_unknown_trial_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = run(monkeypatch, tmp_path, trial(_fine), args=("moon",))
    assert result.exit_code == 2
    assert "no trial 'moon': there are trial" in result.output


async def test_a_round_is_made_of_its_seed_and_named_when_it_fails(tmp_path: Path) -> None:
    assert seed_of(trial(_fine), 1) != seed_of(trial(_fine), 2)
    assert seed_of(trial(_fine), 1) != seed_of(trial(_fine, "other"), 1)
    figures = await play_rounds(trial(_fine), range(3), tmp_path)
    assert figures.counted == {"kills": 6}
    with pytest.raises(Violation, match=r"S4: two alarms \[trial, round 1:"):
        await play_rounds(trial(_broken), range(3), tmp_path / "again")


def test_more_than_was_promised_is_a_violation() -> None:
    figures = Figures()
    figures.measure("sound, ms", 250.0, at_most=250.0, rule="S1")
    with pytest.raises(Violation, match=r"S1: sound, ms was 251\.000, promised at most 250"):
        figures.measure("sound, ms", 251.0, at_most=250.0, rule="S1")


def test_figures_add_up() -> None:
    lines = [Line("c", "t", n, 1.0, {"kills": n}, {"ms": [float(n)]}) for n in (1, 2)]
    figures = together(lines)
    assert (figures.counted["kills"], figures.measured["ms"]) == (3, [1.0, 2.0])
    assert percentile(range(1, 101), 0.99) == 100
    assert percentile([5.0], 0.5) == 5.0


def test_the_code_has_another_name_after_any_change(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    source = tmp_path / "rules" / "one.py"
    source.write_text("x = 1")
    before = code_name(tmp_path)
    source.write_text("x = 2")
    changed = code_name(tmp_path)
    assert changed != before
    (tmp_path / "simulators" / "demo").mkdir(parents=True)
    (tmp_path / "simulators" / "demo" / "words.py").write_text("no trial uses it")
    assert code_name(tmp_path) == changed


def test_rounds_side_by_side_are_each_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(monkeypatch, tmp_path, trial(_fine), args=("--rounds", "1"))
    result = run(monkeypatch, tmp_path, trial(_fine), args=("--jobs", "2"))
    assert result.exit_code == 0
    lines = Results(tmp_path / "results.jsonl", code_name()).of(trial(_fine))
    assert [line.round for line in lines] == [0, 1, 2]
    assert len((tmp_path / "results.jsonl").read_bytes().splitlines()) == 3
