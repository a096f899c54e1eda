"""One reading of `hub.toml`, table by table: goes on after a problem to find the others."""

import ipaddress
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from agent.config.credentials import Credentials
from agent.config.strict import Problem, Reader, did_you_mean, shown
from agent.config.tables import (
    Buttons,
    Driver,
    File,
    HubConfig,
    Keys,
    KindRule,
    ModemConfig,
    Name,
    OutputPins,
    Pins,
    SensorConfig,
    Sound,
    Uplink,
)
from agent.pins import FactoryName
from rules.kinds import KINDS, SENSES, SENSOR_KINDS, Kind
from sensors.contact import parse_contact
from sensors.registry import DriverType

SENSORS_MAX = 128
DRIVERS_MAX = 32
UPLINKS_MAX = 8
"""S12: more than any home has."""

_SOCKET_PATH_BYTES_MAX = 107  # unix(7)

Known = Mapping[str, DriverType]


class Reading:
    """One reading of the file: goes on after a problem, to find the others."""

    def __init__(self, path: Path, reader: Reader, types: Known) -> None:
        self._path = path
        self._reader = reader
        self._types = types
        self._credentials = Credentials(path)
        self._pin_users: dict[int, str] = {}

    def hub(self, raw: dict[str, Any]) -> HubConfig | None:
        """Read the file; what it gives counts only if there are no problems."""
        file = self._reader.table(raw, File, "")
        # Tables are read even when the first level has a problem: the installer mends all in one go.
        keys = self._keys(raw["keys"]) if "keys" in raw else None
        uplinks = self._uplinks(raw["uplink"]) if "uplink" in raw else ()
        outputs = self._outputs(raw["outputs"]) if "outputs" in raw else None
        buttons = self._reader.table(raw.get("buttons", {}), Buttons, "buttons") or Buttons()
        self._claim_pins("buttons", buttons.by_name.items())
        drivers, misread = self._drivers(raw.get("driver", {}))
        sensors = self._sensors(raw.get("sensor", []), drivers, misread)
        pins = self._pins(raw.get("pins"))
        kinds = self._kinds(raw.get("kind", {}))
        modem = self._modem(raw["modem"]) if "modem" in raw else None
        sound = self._sound(raw["sound"]) if "sound" in raw else None
        if file is None or keys is None:
            return None
        self._socket(file.socket)
        return HubConfig(
            path=self._path,
            hub=file.hub,
            state_dir=file.state_dir,
            socket=file.socket,
            outputs=outputs,
            keys=keys,
            uplinks=uplinks,
            pins=pins,
            buttons=buttons,
            drivers=tuple(drivers.values()),
            sensors=sensors,
            kinds=kinds,
            modem=modem,
            sound=sound,
        )

    # --- tables, one by one ------------------------------------------------------------------------

    def _keys(self, raw: object) -> Keys | None:
        keys = self._reader.table(raw, Keys, "keys")
        if keys is not None:
            keys = self._credentials.table(keys)
            self._file("keys.hub", keys.hub, private=True)
            if keys.plan is not None:
                self._file("keys.plan", keys.plan, private=True)
                if keys.plan.resolve() == keys.hub.resolve():  # S11: a key of its own
                    self._reader.refuse("keys.plan", keys.plan, "a key of its own", "make one: see docs/hub-toml.md")
            for path in keys.centre:
                self._file("keys.centre", path)
        return keys

    def _uplinks(self, raw: object) -> tuple[Uplink, ...]:
        found = self._reader.tables(raw, Uplink, "uplink", UPLINKS_MAX)
        found = {at: self._credentials.table(uplink) for at, uplink in found.items()}
        if raw == []:
            self._reader.refuse("uplink", raw, "at least one table [[uplink]]", "add one")
        self._reader.unique(found, "uplink", "name", lambda uplink: uplink.name)
        for at, uplink in found.items():
            self._tls_files(at, uplink)
            self._way(at, uplink)
        self._standbys(found)
        return tuple(found.values())

    def _tls_files(self, at: str, uplink: Uplink) -> None:
        files = {"ca": uplink.ca, "certificate": uplink.certificate, "key": uplink.key}
        missing = [name for name, path in files.items() if path is None]
        if missing and (len(missing) < len(files) or not _is_loopback(uplink.host)):
            expected = "ca, certificate and key (all three; only a loopback host may do without)"
            self._reader.problems.append(
                Problem(at, f"{shown(uplink.host)} without {', '.join(missing)}", expected, "add what is missing")
            )
        for name, path in files.items():
            if path is not None:
                self._file(f"{at}.{name}", path, private=name == "key")

    def _way(self, at: str, uplink: Uplink) -> None:
        if uplink.address is not None and not _is_ip(uplink.address):
            self._reader.refuse(f"{at}.address", uplink.address, "an IP address", "correct it")
        elif uplink.interface is not None and uplink.address is None and not _is_ip(uplink.host):
            expected = "the host's IP address: a name server would be asked over any line, even one that is down"
            self._reader.problems.append(Problem(f"{at}.address", "nothing", expected, "add it, beside host"))

    def _standbys(self, uplinks: Mapping[str, Uplink]) -> None:
        """See that there is always an uplink that is open, and that a standby is another way than those."""
        ordinary: dict[object, str] = {}
        for at, uplink in uplinks.items():
            way = (uplink.host, uplink.port, uplink.interface)
            if not uplink.standby:
                ordinary.setdefault(way, at)
            elif at == "uplink[1]":
                self._reader.refuse(f"{at}.standby", True, "false: the first uplink is always open", "remove it")  # noqa: FBT003
            elif way in ordinary:
                expected = f"another interface, host or port than {ordinary[way]}: a standby is another way out"
                found = "nothing" if uplink.interface is None else shown(uplink.interface)
                self._reader.problems.append(Problem(f"{at}.interface", found, expected, 'name one, such as "wwan0"'))

    def _outputs(self, raw: object) -> OutputPins | None:
        if raw == "log":
            return None
        if not isinstance(raw, dict):
            self._reader.refuse("outputs", raw, '"log" or a table [outputs]', did_you_mean(raw, ["log"]))
            return None
        outputs = self._reader.table(raw, OutputPins, "outputs")
        if outputs is not None and not outputs.by_part:
            self._reader.refuse(
                "outputs", raw, "at least one pin", 'name one, or set outputs = "log" for a hub without'
            )
        self._claim_pins("outputs", outputs.by_part.items() if outputs else ())
        return outputs

    def _pins(self, raw: object) -> FactoryName | None:
        """Come after everything that uses pins."""
        if raw is not None:
            pins = self._reader.table(raw, Pins, "pins")
            return pins.factory if pins else None
        if self._pin_users:
            user = min(self._pin_users.values())
            remedy = 'add [pins] factory = "lgpio"'
            self._reader.problems.append(
                Problem("pins.factory", "nothing", f'"lgpio" or "mock", because {user} uses a pin', remedy)
            )
        return None

    def _drivers(self, raw: object) -> tuple[dict[str, Driver], set[str]]:
        """Read the drivers; also give the names of those that could not be."""
        if not isinstance(raw, dict):
            self._reader.refuse("driver", raw, "tables such as [driver.radio]", "give each driver a name")
            return {}, set()
        if len(raw) > DRIVERS_MAX:  # S12
            self._reader.refuse("driver", raw, f"at most {DRIVERS_MAX} drivers", "remove some")
            return {}, set(raw)
        drivers: dict[str, Driver] = {}
        for name, options in raw.items():
            driver = self._driver(name, options)
            if driver is not None:
                drivers[name] = driver
        return drivers, raw.keys() - drivers.keys()

    def _driver(self, name: str, raw: object) -> Driver | None:
        at = f"driver.{name}"
        try:
            msgspec.convert(name, Name)
        except msgspec.ValidationError:
            self._reader.refuse(at, name, "a driver's name of 1 to 40 of a-z, 0-9 and -", "give it another name")
            return None
        if not isinstance(raw, dict):
            self._reader.refuse(at, raw, f"a table [{at}]", "write it as a table")
            return None
        kind = raw.get("type", name)
        known = self._types.get(kind) if isinstance(kind, str) else None
        if known is None:
            remedy = did_you_mean(kind, self._types)
            self._reader.refuse(f"{at}.type", kind, f"one of {', '.join(sorted(self._types))}", remedy)
            return None
        options = self._reader.table({key: raw[key] for key in raw if key != "type"}, known.options, at)
        return None if options is None else Driver(name, known.name, options)

    def _sensors(self, raw: object, drivers: Mapping[str, Driver], misread: set[str]) -> tuple[SensorConfig, ...]:
        found = self._reader.tables(raw, SensorConfig, "sensor", SENSORS_MAX)
        self._reader.unique(found, "sensor", "id", lambda sensor: sensor.id)
        self._reader.unique(found, "sensor", "address", lambda sensor: (sensor.driver, sensor.address))
        kinds = [*(kind.name for kind in SENSOR_KINDS), *sorted(SENSES)]
        for at, sensor in found.items():
            if sensor.kind not in kinds:
                remedy = did_you_mean(sensor.kind, kinds)
                self._reader.refuse(f"{at}.kind", sensor.kind, f"one of {', '.join(kinds)}", remedy)
            driver = drivers.get(sensor.driver)
            if driver is not None:
                self._address(at, sensor, driver)
            elif sensor.driver not in misread:
                close = did_you_mean(sensor.driver, drivers)
                remedy = close if close != "correct it" else f"add [driver.{sensor.driver}]"
                configured = f"a configured driver ({', '.join(drivers) or 'there is none'})"
                self._reader.refuse(f"{at}.driver", sensor.driver, configured, remedy)
        return tuple(found.values())

    def _address(self, at: str, sensor: SensorConfig, driver: Driver) -> None:
        try:
            self._types[driver.type].check_address(sensor.address)
        except ValueError as error:
            self._reader.refuse(f"{at}.address", sensor.address, f"an address of {driver.type}", str(error))
            return
        if driver.type == "gpio":
            self._claim_pins(at, [("address", parse_contact(sensor.address).pin)])

    def _kinds(self, raw: object) -> tuple[Kind, ...]:
        kinds = {kind.name: kind for kind in KINDS}
        if not isinstance(raw, dict):
            self._reader.refuse("kind", raw, "tables such as [kind.pendant]", "name the kind")
            return KINDS
        for name, override in raw.items():
            at = f"kind.{name}"
            if name not in kinds:
                problem = Problem(at, "an unknown kind", f"one of {', '.join(kinds)}", did_you_mean(name, kinds))
                self._reader.problems.append(problem)
                continue
            rule = self._reader.table(override, KindRule, at)
            if rule is not None:
                kinds[name] = self._kind(at, kinds[name], rule)
        return tuple(kinds.values())

    def _kind(self, at: str, kind: Kind, rule: KindRule) -> Kind:
        changed = replace(
            kind,
            cancel_ms=kind.cancel_ms if rule.cancel_s is None else rule.cancel_s * 1_000,
            priority=kind.priority if rule.priority is None else rule.priority,
            silent=kind.silent if rule.silent is None else rule.silent,
        )
        if changed.silent and changed.always_real:
            self._reader.refuse(f"{at}.silent", True, "false: a home must hear this", "remove it")  # noqa: FBT003
        elif changed.silent and changed.cancel_ms:
            expected = "0 for a silent kind: nobody knows there is something to cancel"
            self._reader.refuse(f"{at}.cancel_s", changed.cancel_ms // 1_000, expected, "set cancel_s = 0")
        return changed

    def _modem(self, raw: object) -> ModemConfig | None:
        if isinstance(raw, list):
            self._reader.refuse("modem", raw, "one table [modem], in single brackets", "write it so")
            return None
        modem = self._reader.table(raw, ModemConfig, "modem")
        if modem is not None and modem.pin_file is not None:
            self._file("modem.pin_file", modem.pin_file, private=True)
        return modem

    def _sound(self, raw: object) -> Sound | None:
        sound = self._reader.table(raw, Sound, "sound")
        if sound is not None and sound.volume_min > sound.volume_max:
            expected = f"at most volume_max ({sound.volume_max})"
            self._reader.refuse("sound.volume_min", sound.volume_min, expected, "lower it, or raise volume_max")
        return sound

    # --- what several tables need ------------------------------------------------------------------

    def _claim_pins(self, at: str, pins: Iterable[tuple[str, int]]) -> None:
        for name, pin in pins:
            other = self._pin_users.setdefault(pin, f"{at}.{name}")
            if other != f"{at}.{name}":
                self._reader.refuse(f"{at}.{name}", pin, f"a pin of its own ({other} has it)", "use another pin")

    def _file(self, key: str, path: Path, *, private: bool = False) -> None:
        try:
            mode = path.stat().st_mode
        except OSError as error:
            self._reader.refuse(key, path, "a readable file", f"{error.strerror}: put it there, or correct the path")
            return
        if not stat.S_ISREG(mode) or not os.access(path, os.R_OK):
            self._reader.refuse(key, path, "a readable file", "let the hub's user read it, or correct the path")
        elif private and self._credentials.others(path, mode):
            problem = f"{shown(path)} with mode {stat.S_IMODE(mode):04o}"
            expected = "a file that only its owner can read"
            self._reader.problems.append(Problem(key, problem, expected, f"chmod 600 {path}"))

    def _socket(self, path: Path) -> None:
        if len(os.fsencode(path)) > _SOCKET_PATH_BYTES_MAX:
            self._reader.refuse("socket", path, f"a path of at most {_SOCKET_PATH_BYTES_MAX} bytes", "shorten it")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
