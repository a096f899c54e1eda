"""The steps of an installation, as values: what is done, in what order, and what a second run leaves alone."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from provisioning.provision.installing import (
    COMMAND,
    PACKAGES,
    PLACES,
    SOFTWARE,
    STATE_DIR,
    VENV,
    AnyStep,
    AskRestart,
    Build,
    Facts,
    Install,
    Link,
    PutFile,
    Run,
    Sweep,
    Wanted,
    steps,
)

FILES = {name: f"# {name}\n".encode() for name in PLACES}
WANTED = Wanted(digest="new", files=FILES)
BARE = Facts()
DONE = Facts(
    packages=frozenset(PACKAGES),
    files={PLACES[name]: content for name, content in FILES.items()},
    links={VENV: SOFTWARE / "new", COMMAND: VENV / "bin/hearthline"},
    whole=frozenset({"new"}),
    used=frozenset({"new"}),
    running="new",
)


def needed(facts: Facts, wanted: Wanted = WANTED) -> list[AnyStep]:
    return [step for step in steps(facts, wanted) if step.needed]


def commands(found: list[AnyStep]) -> list[str]:
    return [" ".join(step.command) for step in found if isinstance(step, Run)]


def place(found: list[AnyStep], wanted: str) -> int:
    return next(n for n, step in enumerate(found) if wanted in str(msgspec.to_builtins(step, enc_hook=str)))


def test_a_bare_box_gets_everything_in_an_order_that_works() -> None:
    found = needed(BARE)
    assert {step.path for step in found if isinstance(step, PutFile)} == set(PLACES.values())
    (packages,) = (step for step in found if isinstance(step, Install))
    assert packages.names == tuple(PACKAGES)
    order = [
        "python3-venv",
        "sysusers.d",
        "systemd-sysusers",
        "tmpfiles.d",  # its folders belong to the user made before
        "systemd-tmpfiles",
        "modprobe",
        "/opt/hearthline/software/new",
        "/opt/hearthline/venv",
        "system/hearthline.service",
        "daemon-reload",
        "'enable'",
        "'start'",
    ]
    places = [place(found, each) for each in order]
    assert places == sorted(places)


def test_a_second_run_makes_nothing_new_and_restarts_nothing() -> None:
    found = needed(DONE)
    assert all(isinstance(step, Run) for step in found)  # all of which may be run again
    assert not [each for each in commands(found) if "restart" in each and "journald" not in each]


def test_s10_a_running_hub_is_asked_and_never_told_to_restart() -> None:
    found = needed(replace(DONE, running="old", used=frozenset({"old"})))
    assert found[-1] == AskRestart(state_dir=STATE_DIR, why=found[-1].why)
    for each in commands(needed(BARE)) + commands(found):
        assert not ("restart" in each or "stop" in each or "kill" in each) or "journald" in each
    start = next(each for each in commands(found) if " start " in each)
    assert start.startswith("systemctl start --no-block")  # which leaves what runs alone


def test_s10_an_upgrade_that_was_cut_off_before_it_asked_asks_the_next_time() -> None:
    linked_but_not_asked = replace(DONE, running="old")
    assert any(isinstance(step, AskRestart) for step in needed(linked_but_not_asked))
    assert not any(isinstance(step, AskRestart) for step in needed(DONE))
    assert not any(isinstance(step, AskRestart) for step in needed(BARE))  # none runs: started instead


@pytest.mark.parametrize("cut", range(len(steps(BARE, WANTED)) + 1))
def test_killed_after_any_step_the_next_run_finishes(cut: int) -> None:
    once, facts = steps(BARE, WANTED), BARE
    for step in once[:cut]:
        facts = after(facts, step)
    rest = needed(facts)
    for step in rest:
        facts = after(facts, step)
    assert facts.files == DONE.files
    assert facts.links == DONE.links
    assert "new" in facts.whole
    done = [str(step) for step in rest]
    for step in once[cut:]:  # nothing that was still to do is forgotten
        assert str(step) in done or not step.needed


def after(facts: Facts, step: AnyStep) -> Facts:
    match step:
        case Install(names=names):
            return replace(facts, packages=facts.packages | frozenset(names))
        case PutFile(path=path):
            content = next(FILES[name] for name, where in PLACES.items() if where == path)
            return replace(facts, files={**facts.files, path: content})
        case Build(path=path):
            return replace(facts, whole=facts.whole | {path.name})
        case Link(path=path, to=to):
            return replace(facts, links={**facts.links, path: to})
    return facts


def test_software_that_anything_runs_from_is_never_swept() -> None:
    facts = replace(
        DONE,
        whole=frozenset({"new", "linked", "running", "used", "left"}),
        links={VENV: SOFTWARE / "linked"},
        running="running",
        used=frozenset({"running", "used"}),
    )
    (swept,) = (step for step in steps(facts, WANTED) if isinstance(step, Sweep))
    assert swept.paths == (SOFTWARE / "left",)


def test_what_differs_is_put_anew() -> None:
    changed = {**DONE.files, PLACES["hearthline.udev"]: b"edited by hand"}
    (put,) = (step for step in needed(replace(DONE, files=changed)) if isinstance(step, PutFile))
    assert put.path == PLACES["hearthline.udev"]


def test_another_root_is_filled_and_this_machine_left_alone() -> None:
    for each in commands(needed(BARE, replace(WANTED, root=Path("/image")))):
        assert "--root=/image" in each, each


def test_what_was_not_chosen_is_left_out() -> None:
    found = needed(BARE, replace(WANTED, packages=False, software=False, start=False))
    assert not [step for step in found if isinstance(step, Install | Build | Link)]
    assert not [each for each in commands(found) if " start " in each]
    assert [each for each in commands(found) if " enable " in each]
    other = needed(replace(DONE, running="old"), replace(WANTED, software=False))
    assert not any(isinstance(step, AskRestart) for step in other)  # there is nothing new to start with
