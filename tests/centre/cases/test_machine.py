"""Cases as a machine that Hypothesis drives, beside a model that knows only what was said and what people did."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from centre.cases.case import Case, CaseError, TakenError, UnseenError
from centre.cases.effects import Acknowledge, Resolve
from centre.cases.events import Act, Began, HandedOver, Heard, LetGo, Noted, Reopened, Resolved, Tick, Took, Waits
from centre.cases.holding import next_deadline
from centre.cases.lifecycle import step
from centre.cases.outcomes import OUTCOMES
from tests.centre.cases.desk import MINUTE, Desk, said
from tests.support.examples import examples

HUBS = st.sampled_from(["hub-1", "hub-2"])
NUMBERS = st.integers(0, 5)
PEOPLE = st.sampled_from(["", "resident", "partner"])
KINDS = st.sampled_from(["pendant", "fall", "smoke", "avalanche"])
OPERATORS = st.sampled_from(["the owner", "the owner", "ann", "bob"])
LATER_WORDS = st.sampled_from(["joined", "cancelled", "acknowledged", "lapsed", "escalated", "resolved", "hummed"])
FINDINGS = st.sampled_from(["silence", "fault", "unreadable"])
WAITS = st.sampled_from([0.01, 0.5, 1, 2.99, 3, 5, 14, 15, 20, 25, 31, 70])
SOME = st.integers(0, 1_000)

Key = tuple[str, str]


class Night(RuleBasedStateMachine):
    """Two homes, three operators, and everything in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.kinds: dict[Key, tuple[str, str, bool, int]] = {}  # every alarm ever told: kind, person, test, priority
        self.ended: set[Key] = set()  # at its hub
        self.wanted: dict[Key, int] = {}  # told or pressed again, and closed by nobody since: the case's version then
        self.presses: dict[Key, int] = {}
        self.looked: set[Key] = set()  # had been on an owner's screen
        self.quiet_until_ms: dict[Key, int] = {}  # the hub's own ladder
        self.word_ms: dict[str, int] = {}  # the owner's last, by case
        self.until_ms: dict[str, int] = {}
        self.owners: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.last: tuple[str, Heard] | None = None

    # --- what happens --------------------------------------------------------------------------------

    @rule(hub=HUBS, number=NUMBERS, kind=KINDS, person=PEOPLE, test=st.booleans(), linked=NUMBERS, lost=st.booleans())
    def alarm(self, hub: str, number: int, kind: str, person: str, test: bool, linked: int, lost: bool) -> None:
        key = (hub, f"a-{number}")
        if key in self.kinds:
            return
        priority = {"pendant": 1, "fall": 1, "smoke": 1, "avalanche": 3}[kind]
        self.kinds[key] = (kind, person, test and kind != "smoke", priority)
        self.presses[key] = 1
        if not lost:  # else its first word is a later one
            self.say(key, "raised", linked=f"a-{linked}")

    @precondition(lambda self: self.kinds)
    @rule(what=LATER_WORDS, some=SOME)
    def word(self, what: str, some: int) -> None:
        key = sorted(self.kinds)[some % len(self.kinds)]
        if key in self.ended and what in ("acknowledged", "lapsed", "joined"):
            return  # no hub says this of what it has closed
        more: dict[str, Any] = {}
        if what == "joined":
            self.presses[key] += 1
            more["triggers"] = self.presses[key]
        self.say(key, what, **more)

    @precondition(lambda self: self.last is not None)
    @rule()
    def twice(self) -> None:
        assert self.last is not None
        cases, sent = dict(self.desk.cases), len(self.desk.sent)
        assert self.desk.take(*self.last) is None  # S4
        assert (self.desk.cases, len(self.desk.sent)) == (cases, sent)

    @precondition(lambda self: self.kinds)
    @rule(some=SOME)
    def state(self, some: int) -> None:
        key = sorted(self.kinds)[some % len(self.kinds)]
        kind, _, test, _ = self.kinds[key]
        if key not in self.ended and not test and kind != "test":
            known = self.cases_of(key)
            self.desk.state((key[1], "raised"), hub=key[0])
            if not known:
                self.wanted[key] = self.case_of(key).version
            self.follow()

    @rule(hub=HUBS, cause=FINDINGS, over=st.booleans(), priority=st.integers(1, 4))
    def finding(self, hub: str, cause: str, over: bool, priority: int) -> None:
        if over:
            self.desk.end(cause, hub=hub)
        else:
            self.desk.find(cause, hub=hub, priority=priority)
        self.follow()

    @precondition(lambda self: self.desk.cases)
    @rule(act=st.sampled_from([Took, Took, Began, Noted, LetGo, HandedOver]), by=OPERATORS, some=SOME, behind=NUMBERS)
    def acts(self, act: type[Act], by: str, some: int, behind: int) -> None:
        words: dict[type[Act], dict[str, Any]] = {
            Noted: {"text": "x"},
            HandedOver: {"to": "cid"},
        }
        self.do(act, by, some, behind, **words.get(act, {}))

    @precondition(lambda self: self.desk.cases)
    @rule(by=OPERATORS, some=SOME, minutes=st.integers(1, 240))
    def waits(self, by: str, some: int, minutes: int) -> None:
        self.do(Waits, by, some, 0, for_whom="doctor", until_ms=self.desk.at_ms + minutes * MINUTE)

    @precondition(lambda self: self.desk.cases)
    @rule(by=OPERATORS, some=SOME)
    def takes_over(self, by: str, some: int) -> None:
        self.do(Took, by, some, 0, over=self.pick(some).owner)

    @precondition(lambda self: self.desk.cases)
    @rule(by=OPERATORS, some=SOME, behind=NUMBERS)
    def resolves(self, by: str, some: int, behind: int) -> None:
        case = self.pick(some)
        seen = max(0, case.version - behind)
        unseen = [key for key in self.wanted_in(case) if self.wanted[key] > seen and key not in self.looked]
        try:
            done = self.do(Resolved, by, some, behind, outcome="reassured")
        except UnseenError:
            return
        if done is None:
            return
        assert not unseen  # nothing was closed that was not on the screen
        for key in self.wanted_in(done):
            del self.wanted[key]

    @precondition(lambda self: any(not case.open for case in self.desk.cases.values()))
    @rule(some=SOME)
    def reopens(self, some: int) -> None:
        closed = [case for case in self.desk.cases.values() if not case.open]
        case = self.desk.do(Reopened, "sue", closed[some % len(closed)].id, why="rang again")
        for alarm in case.alarms:
            if not (alarm.found or alarm.test):
                self.wanted.setdefault((case.hub, alarm.alarm), 0)
        self.follow()

    @rule(minutes=WAITS)
    def time_goes_by(self, minutes: float) -> None:
        """Wake at each deadline, as the centre does: just before it a tick changes nothing."""
        end_ms = self.desk.at_ms + int(minutes * MINUTE)
        while True:
            dues = [due for case in self.desk.cases.values() if (due := next_deadline(case)) is not None]
            due_ms = min(dues, default=end_ms)
            if due_ms > end_ms:
                break
            if due_ms > self.desk.at_ms:
                early = Tick(at_ms=due_ms - 1)
                assert all(step(case, early) == (case, ()) for case in self.desk.cases.values())
            self.desk.at_ms = max(self.desk.at_ms, due_ms)
            before = dict(self.desk.cases)
            self.desk.tick()
            self.follow()
            if self.desk.cases == before:
                break
        self.desk.at_ms = end_ms
        self.desk.tick()
        self.follow()

    # --- the model -----------------------------------------------------------------------------------

    def say(self, key: Key, what: str, **more: Any) -> None:
        kind, person, test, priority = self.kinds[key]
        known = self.cases_of(key)
        self.desk.refs += 1
        facts = {"kind": kind, "person": person, "test": test, "priority": priority, **more}
        word = said(what, key[1], self.desk.at_ms, f"e-{self.desk.refs}", **facts)
        self.desk.take(key[0], word)
        if what == "resolved":
            self.ended.add(key)
        elif (not known or what == "joined") and not test:
            self.wanted[key] = self.case_of(key).version
            self.looked.discard(key)
        self.last = (key[0], word) if self.cases_of(key) else self.last
        self.follow()

    def do(self, act: type[Act], by: str, some: int, behind: int, **words: Any) -> Case | None:
        case = self.pick(some)
        owner, seen = self.owners.get(case.id, ""), max(0, case.version - behind)
        by = by if by != "the owner" else owner or "ann"
        if case.open and owner not in ("", by, words.get("over")) and act is not Noted:
            with pytest.raises(TakenError, match=f"{owner} has this case"):  # S4: one wins, the other is told who
                self.desk.do(act, by, case.id, seen=seen, **words)
            return None
        try:
            after = self.desk.do(act, by, case.id, seen=seen, **words)
        except UnseenError:
            raise
        except CaseError:
            assert not case.open or (not owner and act is not Took) or words.get("to") == by
            return None
        if owner == by or act is Took:
            self.spoke(case, act, by, seen, words)
        self.follow()
        return after

    def spoke(self, case: Case, act: type[Act], by: str, seen: int, words: dict[str, Any]) -> None:
        """Note what the owner's word means."""
        if act is not LetGo:
            self.word_ms[case.id] = self.desk.at_ms
            self.looked |= {key for key in self.wanted_in(case) if self.wanted[key] <= seen}
        self.owners[case.id] = "" if act in (LetGo, Resolved) else words.get("to", by)
        if act is Waits:
            self.until_ms[case.id] = words["until_ms"]
        elif act in (Began, LetGo, Resolved):
            self.until_ms.pop(case.id, None)

    def follow(self) -> None:
        """Take what was sent to the hubs, and cases that went back to the queue."""
        for sent in self.desk.told():
            key = (sent.hub, sent.alarm)
            if isinstance(sent, Acknowledge):
                case = self.case_of(key)
                assert key in self.looked or self.kinds[key][2], (
                    "a home was told that somebody has what nobody has seen"
                )
                assert self.owners.get(case.id), "a home was told that somebody has what nobody has"
                word_ms = max(self.word_ms[case.id], self.until_ms.get(case.id, 0))
                assert self.desk.at_ms <= word_ms + 15 * MINUTE, "a home was kept quiet for one who says nothing"
                self.quiet_until_ms[key] = self.desk.at_ms + 30 * MINUTE
            else:
                assert isinstance(sent, Resolve)
                assert sent.outcome in OUTCOMES
        for case in self.desk.cases.values():
            if not case.held:
                self.owners[case.id] = ""
                self.until_ms.pop(case.id, None)

    def pick(self, some: int) -> Case:
        return self.desk.cases[f"case-{some % len(self.desk.cases) + 1}"]

    def cases_of(self, key: Key) -> list[Case]:
        return [case for case in self.desk.cases.values() if case.hub == key[0] and case.alarm(key[1]) is not None]

    def case_of(self, key: Key) -> Case:
        [case] = self.cases_of(key)  # S4: in one case, and one only
        return case

    def wanted_in(self, case: Case) -> list[Key]:
        return [key for key in self.wanted if key[0] == case.hub and case.alarm(key[1]) is not None]

    # --- what always holds ---------------------------------------------------------------------------

    @invariant()
    def no_real_alarm_is_out_of_sight(self) -> None:
        shown = {line.case.id: line for line in self.desk.queue()}
        for key in self.wanted:
            case = self.case_of(key)
            assert case.open, f"{key} was closed by nobody"
            line = shown[case.id]
            assert line.needed or (case.owner and key in self.looked), f"{key} is wanted, and nobody is called"
            assert case.priority <= self.kinds[key][3]

    @invariant()
    def the_queue_is_all_open_cases_in_order(self) -> None:
        lines = self.desk.queue()
        assert {line.case.id for line in lines} | {line.case.id for line in self.desk.tests()} == {
            case.id for case in self.desk.cases.values() if case.open
        }
        for line in self.desk.tests():
            assert all(alarm.test for alarm in line.case.alarms)
        needs = [line.needed for line in lines]
        assert needs == sorted(needs, reverse=True)
        ranks = [(line.case.priority, -line.waited_ms) for line in lines if line.needed]
        assert ranks == sorted(ranks)

    @invariant()
    def nothing_is_in_two_open_cases(self) -> None:
        keys = [(case.hub, key) for case in self.desk.cases.values() if case.open for key in case.keys]
        assert len(keys) == len(set(keys))  # S4

    @invariant()
    def a_case_is_whole(self) -> None:
        for case in self.desk.cases.values():
            assert case.owner == self.owners.get(case.id, "")
            assert bool(case.owner) == case.held
            assert (case.resolved_ms is not None) == (not case.open) == (case.outcome in OUTCOMES)
            assert case.version > self.versions.get(case.id, 0) or case.version == self.versions.get(case.id)
            self.versions[case.id] = case.version
            assert [each.version for each in self.desk.audit[case.id]] == list(range(1, case.version + 1))

    @invariant()
    def nobody_keeps_a_case_in_silence(self) -> None:
        for case in self.desk.cases.values():
            if case.held:
                last_ms = max(self.word_ms[case.id] + 25 * MINUTE, self.until_ms.get(case.id, 0) + 10 * MINUTE)
                assert self.desk.at_ms < last_ms

    @invariant()
    def a_home_is_quiet_while_somebody_has_it(self) -> None:
        """No ladder goes on under the hands of an owner who speaks."""
        for key in self.wanted:
            case = self.case_of(key)
            if case.held and key in self.looked and key not in self.ended:
                assert self.quiet_until_ms[key] > self.desk.at_ms

    def teardown(self) -> None:
        for case in self.desk.cases.values():
            assert self.desk.retold(case.id) == case


TestNight = Night.TestCase
TestNight.settings = settings(
    max_examples=examples(40), stateful_step_count=35, deadline=None, suppress_health_check=list(HealthCheck)
)
