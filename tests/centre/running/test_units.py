"""What systemd says of the centre's units."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[3] / "systemd"
SERVICES = ("hearthline-centre.service", "hearthline-centre@.service")
EXPOSURE_MAX = 1.5
PROGRAMS = ("bin/sh", "opt/hearthline-centre/venv/bin/hearthline")
NEEDS_SYSTEMD = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def verified(tmp_path: Path, *names: str) -> "subprocess.CompletedProcess[str]":
    """Have systemd look at these units, in a root where they and what they start are."""
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    for name in SERVICES:
        shutil.copyfile(UNITS / name, units / name)
    for program in PROGRAMS:
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o755)
    for unit in ("sysinit", "basic", "network", "time-sync", "shutdown", "multi-user"):
        path = tmp_path / "usr/lib/systemd/system" / f"{unit}.target"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[Unit]\nDescription=one of systemd's own\n")
    verify = ["systemd-analyze", "verify", "--man=no", f"--root={tmp_path}", *names]
    return subprocess.run(verify, capture_output=True, text=True, check=False)


@NEEDS_SYSTEMD
@pytest.mark.parametrize("name", ["hearthline-centre.service", "hearthline-centre@worker-1.service"])
def test_systemd_finds_nothing_wrong(tmp_path: Path, name: str) -> None:
    told = verified(tmp_path, name)
    ours = [line for line in (told.stdout + told.stderr).splitlines() if "hearthline" in line]
    assert (told.returncode, ours) == (0, [])


@NEEDS_SYSTEMD
@pytest.mark.parametrize("name", SERVICES)
def test_exposure(tmp_path: Path, name: str) -> None:
    at = tmp_path / name.replace("@.", "@worker-1.")
    shutil.copyfile(UNITS / name, at)
    analyze = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX * 10:.0f}"]
    told = subprocess.run([*analyze, str(at)], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    found = re.search(r"exposure level for \S+: ([0-9.]+)", told.stdout)
    assert found is not None
    assert 0 < float(found[1]) <= EXPOSURE_MAX


@pytest.mark.parametrize("name", SERVICES)
def test_s7_it_is_started_again_for_ever(name: str) -> None:
    text = (UNITS / name).read_text()
    for line in ("Restart=always", "StartLimitIntervalSec=0", "LimitCORE=0", "UMask=0077", "StateDirectoryMode=0700"):
        assert f"\n{line}\n" in text


@pytest.mark.parametrize(
    ("part", "command"), [("front", "front"), ("console", "console"), ("worker-1", "worker"), ("worker-22", "worker")]
)
def test_a_parts_name_says_what_is_started(part: str, command: str) -> None:
    (start,) = re.findall(r"^ExecStart=/bin/sh -c '(.*)'$", (UNITS / SERVICES[1]).read_text(), re.MULTILINE)
    script = start.replace("%i", part).replace("%%", "%").replace("$$", "$").replace("exec /opt", "echo /opt")
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.split()[1:] == ["centre", command, "--data", "/var/lib/hearthline-centre"]
