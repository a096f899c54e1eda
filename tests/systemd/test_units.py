"""What systemd, udev and the others say of our files, and what must stay in them."""

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from provisioning.provision.installing import PLACES, STATE_DIR, VENV

UNITS = Path(__file__).resolve().parents[2] / "systemd"
SERVICES = ("hearthline.service", "hearthline-renew.service")
EXPOSURE_MAX = {"hearthline.service": 1.5, "hearthline-renew.service": 2.5}  # root, as the keys are root's

NEEDS_SYSTEMD = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def settings(name: str) -> dict[str, list[str]]:
    """Give every setting of a unit, in order, whatever its section."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and re.fullmatch(r"[A-Za-z]+", key):
            found.setdefault(key, []).append(value)
    return found


def root_with(tmp_path: Path, *names: str) -> Path:
    """Make a root where these files are in their places, with the programs that they start."""
    for name in names:
        place = tmp_path / PLACES[name].relative_to("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(UNITS / name, place)
    for program in (Path("/bin/sh"), VENV / "bin/hearthline"):
        path = tmp_path / program.relative_to("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o755)
    for unit in ("sysinit", "basic", "network", "time-sync", "shutdown", "multi-user", "timers"):
        path = tmp_path / "usr/lib/systemd/system" / f"{unit}.target"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[Unit]\nDescription=one of systemd's own\n")
    return tmp_path


@NEEDS_SYSTEMD
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    names = (*SERVICES, "hearthline-renew.timer")
    root = root_with(tmp_path, *names)
    verify = ["systemd-analyze", "verify", "--man=no", f"--root={root}", *(str(PLACES[name]) for name in names)]
    told = subprocess.run(verify, capture_output=True, text=True, check=False)
    ours = [line for line in (told.stdout + told.stderr).splitlines() if "hearthline" in line]
    assert (told.returncode, ours) == (0, [])


@NEEDS_SYSTEMD
def test_systemd_would_find_what_is_wrong(tmp_path: Path) -> None:
    root = root_with(tmp_path, *SERVICES)
    path = root / PLACES["hearthline.service"].relative_to("/")
    path.write_text(path.read_text().replace("ProtectHome=yes", "ProtectHouse=yes"))
    verify = ["systemd-analyze", "verify", "--man=no", f"--root={root}", str(PLACES["hearthline.service"])]
    assert "ProtectHouse" in subprocess.run(verify, capture_output=True, text=True, check=False).stderr


@NEEDS_SYSTEMD
@pytest.mark.parametrize("name", SERVICES)
def test_exposure(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    analyze = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    most = f"--threshold={EXPOSURE_MAX[name] * 10:.0f}"
    told = subprocess.run([*analyze, most, str(UNITS / name)], capture_output=True, text=True, check=False)
    with capsys.disabled():
        print(f"\n{told.stdout.splitlines()[-1]}")  # noqa: T201 -- the figure is the point
    assert told.returncode == 0, told.stdout + told.stderr
    found = re.search(r"exposure level for \S+: ([0-9.]+)", told.stdout)
    assert found is not None
    assert 0 < float(found[1]) <= EXPOSURE_MAX[name]


def test_s7_the_hub_is_started_again_for_ever() -> None:
    hub = settings("hearthline.service")
    assert hub["Restart"] == ["always"]  # also after exit 0: that is how it asks to be started anew (S10)
    assert hub["StartLimitIntervalSec"] == ["0"]
    assert "WatchdogSec" in hub
    assert hub["Type"] == ["notify"]
    assert "RestartPreventExitStatus" not in hub


def test_a_wrong_configuration_is_tried_slowly_and_a_crash_at_once() -> None:
    hub = settings("hearthline.service")
    assert hub["RestartSec"] == ["500ms"]
    (after,) = hub["ExecStopPost"]
    script = after.removeprefix("/bin/sh -c '").removesuffix("'").replace("$$", "$").replace("exec sleep", "exec echo")
    for status, told in {"78": "10\n", "74": "10\n", "0": "", "1": "", "ABRT": "", "KILL": ""}.items():
        shell = ["sh", "-c", script]
        assert (
            subprocess.run(shell, env={"EXIT_STATUS": status}, capture_output=True, text=True, check=True).stdout
            == told
        )
    assert hub["TimeoutStopSec"] == ["12s"]  # it counts for that pause too


def test_s3_the_hub_waits_for_no_network_and_for_no_file() -> None:
    hub = settings("hearthline.service")
    assert "online" not in " ".join(hub["After"] + hub.get("Wants", []) + hub.get("Requires", []))
    assert not [key for key in hub if key.startswith(("Condition", "Assert"))]


def test_a_file_that_is_not_there_stops_no_start() -> None:
    hub = settings("hearthline.service")
    handed = {each.split(":")[0]: each.split(":")[1] for each in hub["LoadCredential"]}
    assert {each.split(":")[0] for each in hub["SetCredential"]} == set(handed)
    assert {each.split(":")[1] for each in hub["SetCredential"]} == {"absent"}  # agent.config.credentials.ABSENT
    for name, path in handed.items():
        assert path == f"/etc/hearthline/{'' if name == 'hub.toml' else 'keys/'}{name}"


def test_every_kind_of_device_is_known_before_the_hub_starts() -> None:
    kinds = {each.split()[0] for each in settings("hearthline.service")["DeviceAllow"]}
    assert kinds == {f"char-{each}" for each in ("gpiochip", "ttyUSB", "ttyACM", "ttyAMA", "ttyS", "alsa")}
    drivers = [line for line in (UNITS / "hearthline.modules").read_text().splitlines() if not line.startswith("#")]
    assert drivers == ["usbserial", "cdc-acm", "snd"]  # ttyUSB, ttyACM, alsa; the others are built in


def test_renewal_writes_the_hubs_folders_and_nothing_else() -> None:
    renew = settings("hearthline-renew.service")
    assert renew["ProtectSystem"] == ["strict"]
    assert renew["ReadWritePaths"] == [f"/etc/hearthline {STATE_DIR}"]


@NEEDS_SYSTEMD
def test_renewal_is_asked_for_several_times_a_day() -> None:
    timer = settings("hearthline-renew.timer")
    calendar = ["systemd-analyze", "calendar", "--iterations=5", *timer["OnCalendar"]]
    told = subprocess.run(calendar, capture_output=True, text=True, check=True).stdout
    hours = re.findall(
        r"\d\d:00:00", "\n".join(line for line in told.splitlines() if "UTC" in line or "elapse" in line)
    )
    assert len(set(hours)) >= 4
    assert timer["Persistent"] == ["yes"]


@pytest.mark.parametrize("name", ["hearthline.journald", "hearthline.watchdog"])
def test_drop_ins_are_well_formed(name: str) -> None:
    parser = configparser.ConfigParser()
    parser.read(UNITS / name)
    assert parser.sections() == [{"hearthline.journald": "Journal", "hearthline.watchdog": "Manager"}[name]]


# --- udev ------------------------------------------------------------------------------------------------

RULE = re.compile(
    r'(?:(?:ATTRS?|ENV)\{[A-Za-z_]+\}|ACTION|KERNEL|SUBSYSTEMS?|GROUP|MODE|SYMLINK|LABEL|GOTO)(?:==|!=|\+?=)"[^"]*"'
)


def test_udev_rules_are_made_of_what_udev_knows() -> None:
    for line in (UNITS / "hearthline.udev").read_text().splitlines():
        if line and not line.startswith("#"):
            assert not re.search(r"(ATTRS|SUBSYSTEMS)(\{[^}]*\})?!=", line)  # true of any parent that differs: always
            assert all(RULE.fullmatch(part) for part in line.split(", ")), line


@pytest.mark.skipif(shutil.which("udevadm") is None, reason="udev is not installed")
def test_udev_reads_the_rules(tmp_path: Path) -> None:
    path = tmp_path / "70-hearthline.rules"
    shutil.copyfile(UNITS / "hearthline.udev", path)
    told = subprocess.run(
        ["udevadm", "verify", "--resolve-names=never", str(path)], capture_output=True, text=True, check=False
    )
    if "verb" in told.stderr:
        pytest.skip("udev 252 has no `verify`: the live trial has udevd itself read them")
    assert told.returncode == 0, told.stdout + told.stderr


def test_no_rule_takes_a_zigbee_stick_for_a_radar() -> None:
    """Sticks with a CP2102 say their own name, which must not match; the same chip in a radar says the chip's."""
    rules = (UNITS / "hearthline.udev").read_text()
    (line,) = (each for each in rules.splitlines() if "usb-%b" in each and "10c4" in each)
    found = re.search(r'ATTRS\{product\}=="(\S+)"', line)
    assert found is not None
    assert found[1] == "CP210*"


def test_the_json_of_the_analysis_names_what_stays_open() -> None:
    """What is open is what the hub needs; anything more is a change to think about."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    analyze = ["systemd-analyze", "security", "--offline=true", "--json=short", str(UNITS / "hearthline.service")]
    found = json.loads(subprocess.run(analyze, capture_output=True, text=True, check=True).stdout)
    assert {each["json_field"] for each in found if each["exposure"]} <= {
        "SystemCallFilter_resources",  # children lower their priority
        "RootDirectoryOrRootImage",
        "PrivateDevices",  # pins, serial, sound
        "DeviceAllow",
        "RestrictAddressFamilies_AF_UNIX",  # its local socket
        "RestrictAddressFamilies_AF_INET_INET6",  # the broker
        "PrivateNetwork",
        "IPAddressDeny",  # it may be anywhere
        "ProcSubset",  # the boot's id, the board's name
    }
