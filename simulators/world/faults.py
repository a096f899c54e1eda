"""What breaks: line, broker, centre; the box's process, power, clock, disk and adapter. Each ends by itself."""

import random
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from agent.wire.messages import Command, Receipt
from simulators.disk import FULL, IOERR_FSYNC, Keep, Moment
from simulators.world import clock
from simulators.world.disk import USUAL_S
from simulators.world.household import HUB
from simulators.world.incident import Incident
from simulators.world.incidents import Incidents

STALE_S = 3_600
SLOW_S = (0.1, 0.22)
DAY_MS = 86_400_000


class Faults(Incidents):
    """Plays what breaks, too."""

    # --- the line ----------------------------------------------------------------------------------

    def do_line_cut(self, incident: Incident) -> None:
        """The line is down, and everybody knows."""
        line = self.stage.line

        def begin() -> None:
            line.cut = True
            line.fall("connection reset")

        self._spoils(incident, begin, lambda: setattr(line, "cut", False))

    def do_line_dead(self, incident: Incident) -> None:
        """Half-open: what was connected carries nothing any more, and nothing new connects."""
        line = self.stage.line

        def begin() -> None:
            line.deaf = True
            line.die()

        self._spoils(incident, begin, lambda: setattr(line, "deaf", False))

    def do_mobile_cut(self, incident: Incident) -> None:
        """The second line is down."""
        line = self.stage.mobile.line

        def begin() -> None:
            line.cut = True
            line.fall("no signal")

        self.lasts(incident, begin, lambda: setattr(line, "cut", False))

    def do_mobile_dead(self, incident: Incident) -> None:
        """The second line looks open and carries nothing."""
        line = self.stage.mobile.line

        def begin() -> None:
            line.deaf = True
            line.die()

        self.lasts(incident, begin, lambda: setattr(line, "deaf", False))

    def do_line_frozen(self, incident: Incident) -> None:
        """Everything is held up, and arrives in the end."""
        self._spoils(incident, self.stage.line.freeze, self.stage.line.thaw)

    def _spoils(
        self, incident: Incident, begin: Callable[[], None], end: Callable[[], None], *, kind: str = ""
    ) -> None:
        def began() -> None:
            self.stage.ill(kind or incident.what, ill=True)
            begin()

        def ended() -> None:
            self.stage.ill(kind or incident.what, ill=False)
            end()

        self.lasts(incident, began, ended, kind=kind)

    # --- the broker --------------------------------------------------------------------------------

    def do_broker_down(self, incident: Incident) -> None:
        """The broker is away for a while."""
        self._broker_away(incident, forget=False)

    def do_broker_forgets(self, incident: Incident) -> None:
        """The broker is away, and comes back without memory."""
        self._broker_away(incident, forget=True)

    def _broker_away(self, incident: Incident, *, forget: bool) -> None:
        broker = self.stage.broker

        def back() -> None:
            broker.down = False

        self._spoils(incident, lambda: broker.stop(forget=forget), back, kind="broker away")

    def do_broker_drops(self, incident: Incident) -> None:
        """The broker acknowledges what it then loses."""
        self._mood(incident, "dropping")

    def do_broker_says_twice(self, incident: Incident) -> None:
        """The broker repeats itself, both ways."""
        self._mood(incident, "twice")

    def do_broker_shuffles(self, incident: Incident) -> None:
        """The broker mixes the order up, both ways."""
        self._mood(incident, "shuffling")

    def _mood(self, incident: Incident, mood: str) -> None:
        broker = self.stage.broker
        self.lasts(incident, lambda: setattr(broker, mood, True), lambda: setattr(broker, mood, False))

    # --- the centre --------------------------------------------------------------------------------

    def do_centre_down(self, incident: Incident) -> None:
        """The centre's process is away."""
        self.lasts(incident, self.stage.centre.stop, self.stage.centre.start)

    def do_centre_silent(self, incident: Incident) -> None:
        """The centre is connected, and takes nothing."""
        centre = self.stage.centre
        self.lasts(incident, lambda: setattr(centre, "silent", True), lambda: setattr(centre, "silent", False))

    def do_centre_cannot_keep(self, incident: Incident) -> None:
        """The centre's own store is down: try again later."""
        ledger = self.stage.centre.ledger
        self.lasts(incident, lambda: setattr(ledger, "down", True), lambda: setattr(ledger, "down", False))

    def do_centre_rejects(self, incident: Incident) -> None:
        """The centre refuses everything, for good."""
        centre = self.stage.centre
        self.lasts(incident, lambda: setattr(centre, "rejecting", True), lambda: setattr(centre, "rejecting", False))

    # --- what proves nothing -----------------------------------------------------------------------

    def do_forged(self, incident: Incident) -> None:
        """Somebody else says that the centre has what waits, or commands in its name."""
        daemon = self.stage.box.daemon
        waiting = sorted(daemon.uplinks[0].window.ids()) if daemon is not None and daemon.uplinks else []
        row = daemon.uplinks[0].window.digest(waiting[-1]) if daemon is not None and waiting else None
        nonce = self.stage.centre.intake.home(HUB).nonce or "none-yet"
        now_s = clock.true_now().wall_ms // 1000
        receipt = Receipt(
            aud=("hub-other", HUB)[incident.n % 2],
            iat=now_s,
            ref=waiting[-1] if waiting else f"none-a-{incident.at_ms}",
            digest=row or "0" * 64,
            nonce=nonce,
            result="accepted",
        )
        # One for another hub is the centre's own word, read out to the wrong ears; the other a stranger's.
        signer = self.stage.signs.stranger if incident.n % 2 else self.stage.centre.signer
        self._unproven("receipt", signer.seal(msgspec.json.encode(receipt)))

    def do_stale(self, incident: Incident) -> None:
        """A command of an earlier connection is played again; or a fresh one, but retained."""
        now_s = clock.true_now().wall_ms // 1000
        retained = bool(incident.n % 2)
        command = Command(
            aud=HUB,
            iat=now_s if retained else now_s - STALE_S,
            id=f"stale-{incident.at_ms}",
            type="silence",
            expires=now_s + 600,
            nonce=self.stage.centre.intake.home(HUB).nonce or "none-yet" if retained else "an-older-one",
        )
        token = self.stage.centre.signer.seal(msgspec.json.encode(command))
        self._unproven("command", token, retain=retained)

    def _unproven(self, channel: str, token: bytes, *, retain: bool = False) -> None:
        self.stage.unproven.add(token)
        self.stage.centre.publish(channel, token, retain=retain)

    # --- the box -----------------------------------------------------------------------------------

    def do_kill(self, incident: Incident) -> None:
        """SIGKILL, and systemd starts it again."""
        self._kill(incident.ms)

    def _kill(self, down_ms: int) -> None:
        box = self.stage.box
        if box.process is None:
            return
        self.stage.counted["kills"] += 1
        self.stage.say("** the process dies")
        box.kill()
        self.after(down_ms, self._start)

    def _start(self) -> None:
        if self.stage.box.process is None and not self._lasting.get("no power"):
            self.stage.box.start()

    def do_kill_at_commit(self, incident: Incident) -> None:
        """SIGKILL just before or after the next commit, or once it was acted upon; or the power fails in its middle."""
        box = self.stage.box
        if box.process is None:
            return
        where = ("before", "after", "acted", "power")[incident.n % 4]
        if where == "power":
            self._cut_in_the_middle(incident)
            return
        box.sprung = lambda: self._kill(incident.ms)
        box.trap = where

    def _cut_in_the_middle(self, incident: Incident) -> None:
        """Take the disk as it is before the next sync, and cut the power there."""
        box = self.stage.box
        files = box.disk.files
        box.trap = ""  # one set before would spring with nothing taken yet
        taken: list[Moment] = []

        def before_sync(_number: int) -> None:
            files.before_sync = None
            taken.append(files.moment())
            box.trap = "lost"

        files.before_sync = before_sync
        box.sprung = lambda: self._power_cut(incident, taken[0])

    def do_power_cut(self, incident: Incident) -> None:
        """The power fails; the router is out too."""
        self._power_cut(incident, None)

    def _power_cut(self, incident: Incident, moment: Moment | None) -> None:
        box = self.stage.box
        keep: tuple[Keep, ...] = ("none", "all", random.Random(incident.n), random.Random(incident.n + 1))
        self.stage.counted["power cuts"] += 1
        self.stage.say("** the power fails")
        self._lasting["no power"] = self._lasting.get("no power", 0) + 1
        self.stage.ill("power", ill=True)
        box.power_cut(keep[incident.n // 4 % 4], moment)
        for line in (self.stage.line, self.stage.mobile.line):
            line.fall("no power")
        self.after(max(1_000, incident.ms), lambda: self._power_back(incident))

    def _power_back(self, incident: Incident) -> None:
        self._lasting["no power"] -= 1
        box = self.stage.box
        if self._lasting["no power"] or box.process is not None:
            return
        self.stage.ill("power", ill=False)
        self.stage.say("** the power is back")
        box.boot()
        if incident.n % 3 == 0:  # no clock of its own, and no line yet to ask for the time
            self._clock_off(clock.NO_CLOCK_MS - clock.DAWN_MS - self.stage.now_ms(), 1_000 * (20 + incident.n))

    def do_clock_wrong(self, incident: Incident) -> None:
        """The wall clock is off by up to a day, and later right again."""
        self._clock_off((incident.n - 500) * DAY_MS // 500, incident.ms)

    def _clock_off(self, off_ms: int, lasts_ms: int) -> None:
        box_clock = self.stage.box.clock
        box_clock.off_ms, box_clock.synced = off_ms, False

        def right_again() -> None:
            box_clock.off_ms, box_clock.synced = 0, True

        self.after(lasts_ms, right_again)

    def do_adapter_pulled(self, _incident: Incident) -> None:
        """Somebody pulls the radio's adapter out, and puts it back."""
        self.stage.box.pull_adapter()

    # --- the mains ---------------------------------------------------------------------------------

    def do_mains_cut(self, incident: Incident) -> None:
        """The mains fails: the hub has a battery, the routers of two homes in three have none."""
        mains = self.stage.box.mains
        self.lasts(incident, lambda: mains.switch(there=False), lambda: mains.switch(there=True))
        if incident.n % 3:
            self.do_line_cut(replace(incident, what="line cut"))

    # --- the modem ---------------------------------------------------------------------------------

    def do_modem_pulled(self, incident: Incident) -> None:
        """Somebody unplugs the modem."""
        self._network(incident, "down")

    def do_texts_refused(self, incident: Incident) -> None:
        """The mobile network takes no texts."""
        self._network(incident, "refusing")

    def do_texts_unanswered(self, incident: Incident) -> None:
        """The modem says nothing of what becomes of a text."""
        self._network(incident, "mute")

    def _network(self, incident: Incident, mood: str) -> None:
        modem = self.stage.box.modem
        self.lasts(incident, lambda: modem.mood(mood, on=True), lambda: modem.mood(mood, on=False))

    # --- the disk ----------------------------------------------------------------------------------

    def do_disk_full(self, incident: Incident) -> None:
        """No more room."""
        self._disk_fails(incident, {"write": FULL})

    def do_disk_fails(self, incident: Incident) -> None:
        """Nothing can be synced."""
        self._disk_fails(incident, {"sync": IOERR_FSYNC})

    def _disk_fails(self, incident: Incident, how: dict[str, int]) -> None:
        disk = self.stage.box.disk

        def end() -> None:
            for what in how:
                disk.files.fail.pop(what, None)
            self.stage.disk_changed()

        self.lasts(incident, lambda: disk.files.fail.update(how), end)

    def do_disk_stalls(self, incident: Incident) -> None:
        """The card thinks about something else."""
        disk = self.stage.box.disk

        def end() -> None:
            disk.flow()
            self.stage.disk_changed()

        self.lasts(incident, lambda: setattr(disk, "stalled", True), end)

    def do_disk_slow(self, incident: Incident) -> None:
        """Every commit takes its time."""
        disk = self.stage.box.disk

        def end() -> None:
            disk.latency_s = USUAL_S
            self.stage.disk_changed()

        self.lasts(incident, lambda: setattr(disk, "latency_s", SLOW_S), end)
