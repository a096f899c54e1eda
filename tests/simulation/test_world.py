"""S1-S9, S12: the real daemon through seeded days in which everything fails; every promise is judged at every step."""

from concurrent.futures import ProcessPoolExecutor

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

from agent.wire.envelope import CENTRE_ALGORITHM, HUB_ALGORITHM, Signer, Verifier
from simulators.world.command import described, one_world
from simulators.world.engine import year
from simulators.world.script import DAY_MS, Incident, generate
from simulators.world.shrink import shrink
from simulators.world.signing import Signatures
from simulators.world.story import story_of
from simulators.world.world import Played, play

DAYS_EACH = 2
SEEDS = range(1, 26)


def test_every_promise_is_kept_through_fifty_household_days() -> None:
    with ProcessPoolExecutor(2) as pool:
        worlds = list(pool.map(one_world, SEEDS, [DAYS_EACH] * len(SEEDS)))
    broken = {seed: played.broken for seed, played in zip(SEEDS, worlds, strict=True) if played.broken}
    again = f"hearthline sim --days {DAYS_EACH} --seed"
    assert not broken, "\n".join(f"{again} {seed}: {each}" for seed, each in broken.items())
    assert sum(played.lasted_ms for played in worlds) >= 50 * DAY_MS * 0.95  # a world ends with its last incident
    counted = sum((played.counted for played in worlds), worlds[0].counted.__class__())
    print("\n" + described(counted))  # noqa: T201 -- what fifty days hold
    for what, least in (
        ("stimuli told to the centre", 400),
        ("kills", 60),
        ("power cuts", 30),
        ("steps of ladders judged", 800),
        ("contacts asked for help", 500),
        ("alarms taken by a contact's code", 30),
        ("plans applied", 50),
        ("ends of faults looked for", 40),
        ("looks at a silent sensor", 1_000),
        ("cries while everybody was away", 8),
        ("offers of alarms", 300),
        ("faults looked for", 30),
        ("calls heard in time", 300),
        ("messages that proved nothing", 15),
        ("alarms by watching", 80),
        ("alarms that only the second line could carry", 15),
        ("announced tests that came", 10),
        ("announced tests that did not come", 6),
        ("tests that nobody acknowledged", 2),
        ("triggers of the restless, told as a number", 1),
        ("occasions of reminders", 250),
        ("occasions said", 200),
        ("occasions missed", 150),
        ("occasions answered by button", 60),
        ("occasions answered by lid", 30),
        ("occasions answered early", 15),
        ("outcomes that a wrong clock had told", 5),
        ("calls for what was missed", 20),
        ("messages said", 300),
        ("messages heard", 40),
        ("messages that nobody heard", 25),
    ):
        assert counted[what] >= least, f"the worlds are too kind: {counted[what]} {what}"


def told(seed: int, script: tuple[Incident, ...]) -> tuple[Played, list[str]]:
    return story_of(seed, script)


def test_the_same_seed_gives_the_same_world_to_the_last_byte() -> None:
    script = generate(7, 1)
    first, second = told(7, script), told(7, script)
    assert first == second
    assert first[0].digest != play(8, script).digest


def test_a_day_is_the_same_with_real_signatures() -> None:
    hub, centre, stranger = ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519")
    real = Signatures(
        Signer(hub, HUB_ALGORITHM),
        Verifier([hub], HUB_ALGORITHM),
        Signer(centre, CENTRE_ALGORITHM),
        Verifier([centre], CENTRE_ALGORITHM),
        Signer(stranger, CENTRE_ALGORITHM),
        lambda token: bytes(jws.extract_compact(token).payload),
    )
    script = generate(7, 1)
    assert play(7, script, signs=real) == play(7, script)


def test_a_script_is_made_wholly_from_its_seed_and_holds_more_than_two_hundred_events_a_day() -> None:
    assert generate(3, 5) == generate(3, 5)
    assert generate(3, 5) != generate(4, 5)
    assert sum(map(told_at_home, generate(3, 5))) >= 5 * 200


def told_at_home(incident: Incident) -> int:
    """How often a device says something because of it, or somebody presses something."""
    if incident.what == "chatter":
        return incident.ms // incident.n
    if incident.what in ("stir", "use", "open"):
        return 2  # its begin, and its end
    return incident.what in ("press", "wet", "cancel", "help", "alive", "reading", "degrees")


def test_shrinking_leaves_what_matters_and_lets_it_begin_sooner() -> None:
    script = generate(5, 3)
    presses = [each for each in script if each.what == "press" and each.at_ms > DAY_MS]

    def breaks(some: tuple[Incident, ...]) -> bool:
        """As if a press and a kill after it broke a promise."""
        at_ms = [each.at_ms for each in some if each.what == "press" and each.who == presses[0].who]
        return any(each.what == "kill" and at_ms and each.at_ms > at_ms[0] for each in some)

    small = shrink(script, breaks)
    assert sorted(each.what for each in small.script) == ["kill", "press"]
    assert small.script[0].at_ms < 20 * 60_000
    assert small.script[1].ms <= 1_000


def test_the_story_says_what_befell_the_home_what_the_hub_did_and_what_arrived() -> None:
    script = (
        Incident(599_000, "mobile cut", ms=92_000),
        Incident(600_000, "line cut", ms=90_000),
        Incident(601_000, "press", "pendant-1"),
    )
    played, lines = told(1, script)
    assert played.broken is None
    story = "\n".join(lines)
    words = ("** line cut for 90 s", "** press pendant-1", "tone pending", "tone no-line", "SIREN", "line cut is over")
    places = [story.index(each) for each in (*words, "the centre has: hearthline.alarm.raised", "arrived", "resolved")]
    assert places == sorted(places)
    assert lines[0].startswith("day 1 00:")


@pytest.mark.parametrize("seed", [1])
def test_the_engine_alone_lives_a_months_events_faster_than_a_year_a_minute(seed: int) -> None:
    month = year(seed, 30)
    print(f"\n{month}")  # noqa: T201 -- the figure itself depends on the machine
    assert month.events >= 30 * 200
    assert month.years_a_minute > 0.5  # half of what is asked, as other tests run beside this one
