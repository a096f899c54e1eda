"""The installation carried out, into a folder: what lies where, whole, and again without harm."""

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from provisioning.provision.carrying_out import CarryOut, CarryOutError, held, lead, look, run_command
from provisioning.provision.install import install
from provisioning.provision.installing import COMMAND, PLACES, SOFTWARE, VENV, Wanted, steps, under
from provisioning.provision.source import IN_WHEEL, REQUIREMENTS, SourceError, digest_of, files_of, source_of

ROOT = Path(__file__).resolve().parents[2]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may install")


def asked(*arguments: str) -> Result:
    return CliRunner().invoke(install, ["--from", str(ROOT), *arguments])


def test_a_dry_run_shows_every_file_user_and_command_and_changes_nothing(tmp_path: Path) -> None:
    result = asked("--dry-run", "--no-packages", "--root", str(tmp_path))
    assert result.exit_code == 0, result.output
    for place in PLACES.values():
        assert f"file {place} 0644" in result.output
    for each in ("user hearthline", "systemd-sysusers", "enable hearthline.service", f"link {VENV} -> {SOFTWARE}/"):
        assert each in result.output
    assert not list(tmp_path.iterdir())


def test_a_dry_run_as_json(tmp_path: Path) -> None:
    told = json.loads(asked("--dry-run", "--no-packages", "--json", "--root", str(tmp_path)).output)
    assert {step["do"] for step in told} == {"file", "run", "environment", "link"}
    assert all(step["needed"] for step in told)


@AS_ROOT
def test_files_lie_where_they_belong_and_a_second_run_changes_none(tmp_path: Path) -> None:
    options = ("--no-packages", "--no-software", "--root", str(tmp_path))
    for _ in range(2):
        result = asked(*options)
        assert result.exit_code == 0, result.output
    for name, place in PLACES.items():
        path = under(tmp_path, place)
        assert path.read_bytes() == (ROOT / "systemd" / name).read_bytes()
        assert path.stat().st_mode & 0o777 == 0o644
    wants = tmp_path / "etc/systemd/system"
    assert (wants / "multi-user.target.wants/hearthline.service").is_symlink()
    assert (wants / "timers.target.wants/hearthline-renew.timer").is_symlink()
    again = json.loads(asked("--dry-run", "--json", *options).output)
    assert not [step for step in again if step["do"] == "file" and step["needed"]]


@AS_ROOT
def test_the_user_and_the_folders_are_made(tmp_path: Path) -> None:
    assert asked("--no-packages", "--no-software", "--root", str(tmp_path)).exit_code == 0
    users = dict(line.split(":", 1) for line in (tmp_path / "etc/passwd").read_text().splitlines())
    groups = {line.split(":")[0]: line.split(":")[3] for line in (tmp_path / "etc/group").read_text().splitlines()}
    assert users["hearthline"].endswith(":/var/lib/hearthline:/usr/sbin/nologin")
    ours = {name for name, members in groups.items() if "hearthline" in members.split(",")}
    assert ours == {"audio", "dialout", "gpio"}
    uid = int(users["hearthline"].split(":")[1])
    modes = {path: (tmp_path / path).stat() for path in ("etc/hearthline", "etc/hearthline/keys", "var/lib/hearthline")}
    assert {path: (status.st_mode & 0o777, status.st_uid) for path, status in modes.items()} == {
        "etc/hearthline": (0o755, 0),
        "etc/hearthline/keys": (0o700, 0),
        "var/lib/hearthline": (0o700, uid),
    }


def made(root: Path, run: list[Sequence[str]]) -> None:
    """Install the software alone, noting the commands instead of running them."""
    source = source_of(ROOT)
    wanted = Wanted(digest=digest_of(source, "python"), files=files_of(source), root=root, packages=False)
    CarryOut(wanted, source, Path("/usr/bin/python3"), lambda _: None, run.append).all(steps(look(wanted), wanted))


def test_the_environment_counts_only_when_it_is_whole(tmp_path: Path) -> None:
    run: list[Sequence[str]] = []
    made(tmp_path, run)
    folder = under(tmp_path, SOFTWARE) / under(tmp_path, VENV).readlink().name
    assert (folder / ".whole").exists()
    assert under(tmp_path, COMMAND).readlink() == VENV / "bin/hearthline"
    locked = next(command for command in run if "--require-hashes" in command)
    assert locked[:2] == ("chroot", str(tmp_path))
    assert ":all:" in locked  # nothing is built on the hub
    assert not (tmp_path / "opt/hearthline/staged").exists()

    run.clear()
    made(tmp_path, run)
    assert not [command for command in run if "pip" in command]  # it is there already

    (folder / ".whole").unlink()  # as if the power had gone before
    (folder / "half").touch()
    made(tmp_path, run)
    assert [command for command in run if "pip" in command]
    assert not (folder / "half").exists()


def test_a_link_is_led_elsewhere_in_one_step(tmp_path: Path) -> None:
    (tmp_path / ".venv.new").symlink_to("left by a killed run")
    for to in ("one", "another"):
        lead(tmp_path / "venv", Path(to))
        assert (tmp_path / "venv").readlink() == Path(to)
    assert [each.name for each in tmp_path.iterdir()] == ["venv"]


def test_a_command_that_fails_is_told_with_its_last_words() -> None:
    with pytest.raises(CarryOutError, match=r"(?s)ended with 3.*type this again.*no room"):
        run_command(["sh", "-c", "echo no room; exit 3"])
    with pytest.raises(CarryOutError, match="is this Debian"):
        run_command(["/nowhere/systemctl"])


@AS_ROOT
def test_a_careful_umask_keeps_nobody_from_reading_what_is_installed(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        assert asked("--no-packages", "--no-software", "--root", str(tmp_path)).exit_code == 0
    finally:
        os.umask(before)
    for path in ("opt/hearthline", "etc/systemd/system", "etc/udev/rules.d", "etc/udev/rules.d/70-hearthline.rules"):
        assert (tmp_path / path).stat().st_mode & 0o044 == 0o044, path


@AS_ROOT
def test_two_installations_at_once_are_one_too_many(tmp_path: Path) -> None:
    with held(tmp_path):
        result = asked("--no-packages", "--no-software", "--root", str(tmp_path))
    assert result.exit_code == 2
    assert "another installation is running" in result.output


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(install, ["--from", str(tmp_path), "--dry-run"])
    assert result.exit_code == 2
    assert "--from" in result.output


def test_a_wheel_carries_the_same_files_as_a_checkout(tmp_path: Path) -> None:
    path = tmp_path / "hearthline-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name in (REQUIREMENTS, *(f"systemd/{each}" for each in PLACES)):
            wheel.write(ROOT / name, f"{IN_WHEEL}/{name}")
    assert files_of(source_of(path)) == files_of(source_of(ROOT))
    (tmp_path / "staged").mkdir()
    assert source_of(path).stage(tmp_path / "staged").read_bytes() == path.read_bytes()
    path.write_bytes(b"torn")
    with pytest.raises(SourceError, match="not a wheel"):
        files_of(source_of(path))


def test_another_python_is_another_environment() -> None:
    source = source_of(ROOT)
    assert digest_of(source, "python3.11") == digest_of(source, "python3.11")
    assert digest_of(source, "python3.11") != digest_of(source, "python3.13")
