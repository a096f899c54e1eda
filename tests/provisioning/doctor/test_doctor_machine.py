"""The doctor on the machine: disk, pins, serial adapters, clock, sound, service, modem, and the care plan it keeps."""

import base64
import datetime as dt
import importlib.util
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.wire.enrolment import SiteWord, WayIn
from provisioning.doctor.access import User, owner, us
from provisioning.doctor.checks import clock, disk, pins, serial
from provisioning.doctor.finding import Finding
from provisioning.doctor.scene import Hub
from simulators.keys import Authority
from simulators.serial_line import SerialAdapter

MIB = 1 << 20
States = Callable[..., list[tuple[str, str]]]
Worst = Callable[..., Finding]


# --- whom the hub runs as ------------------------------------------------------------------------------


def test_what_a_user_may_open_is_judged_by_the_bits_that_are_theirs(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(0o640)
    state = file.stat()
    stranger = User("stranger", state.st_uid + 1, frozenset())
    member = User("member", state.st_uid + 1, frozenset({state.st_gid}))
    assert User("root", 0, frozenset()).may(state)
    assert not stranger.may(state, 0o4)
    assert member.may(state, 0o4)
    assert not member.may(state)
    assert owner(tmp_path).uid == tmp_path.stat().st_uid
    assert owner(tmp_path / "nowhere") == us()


# --- disk ----------------------------------------------------------------------------------------------

DISK = disk.Facts(folder="/state", user="hearthline")


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        ({}, "well", ""),
        ({"free": 10 * MIB}, "wrong", "full: 10 MiB"),
        ({"free": 300 * MIB}, "warning", "300 MiB"),
        ({"inodes": 10}, "warning", "10 more files"),
        ({"read_only": True}, "wrong", "read-only"),
        ({"writable": False}, "wrong", "may not write"),
        ({"errors": 3}, "wrong", "3 errors"),
        ({"life": 9}, "warning", "step 9"),
        ({"life": 11}, "wrong", "step 11"),
        ({"store": "hub.db cannot be read: Input/output error"}, "wrong", "Input/output"),
        ({"aside": ("hub.db.quarantine-1",)}, "warning", "put aside"),
        ({"throttled": 0x50000}, "warning", "too low since"),
        ({"throttled": 0x50005}, "wrong", "too low now"),
        ({"trouble": "No such file or directory"}, "wrong", "No such file"),
    ],
)
def test_a_disk(facts: dict[str, Any], state: str, words: str, states: States, worst: Worst) -> None:
    found = list(disk.judge(msgspec.structs.replace(DISK, **facts)))
    states(found)
    assert worst(found).state == state
    assert words in worst(found).found


def test_a_real_folder_is_probed_and_the_kernels_files_are_read(box: Any, tmp_path: Path) -> None:
    box.write()
    facts = disk.probe(box.scene())
    assert (facts.trouble, facts.store, facts.writable) == ("", "none", True)
    (box.state / "hub.db").write_bytes(b"rubbish")
    (box.state / "hub.db.quarantine-1").touch()
    device = box.state.stat().st_dev
    here = tmp_path / f"sys/dev/block/{os.major(device)}:{os.minor(device)}/device"
    here.mkdir(parents=True)
    (here / "life_time").write_text("0x01 0x0A\n")
    facts = disk.probe(box.scene(root=tmp_path))
    assert "no store" in facts.store
    assert facts.aside == ("hub.db.quarantine-1",)
    assert facts.life == 10
    box.state.rename(tmp_path / "elsewhere")
    assert "No such file" in disk.probe(box.scene()).trouble


def test_a_folder_that_the_hubs_user_may_not_write_is_found(box: Any, worst: Worst) -> None:
    box.write()
    scene = msgspec.structs.replace(box.scene(), user=User("hearthline", 4_242, frozenset()))
    assert worst(disk.judge(disk.probe(scene))).found == "the hub's user hearthline may not write here"


# --- pins ----------------------------------------------------------------------------------------------


def test_pins(box: Any, tmp_path: Path, states: States, monkeypatch: pytest.MonkeyPatch, worst: Worst) -> None:
    box.write(tables='[pins]\nfactory = "lgpio"\n[buttons]\ncall = 17\n')
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: object())
    root = tmp_path / "root"
    (root / "dev").mkdir(parents=True)
    assert "no /dev/gpiochip" in worst(pins.judge(pins.probe(box.scene(root=root)))).found
    chip = root / "dev/gpiochip0"
    chip.touch(0o660)
    assert states(pins.judge(pins.probe(box.scene(root=root)))) == [("well", "pins")]
    scene = msgspec.structs.replace(box.scene(root=root), user=User("hearthline", 4_242, frozenset()))
    assert "may not open" in worst(pins.judge(pins.probe(scene))).found
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert "lgpio is missing" in worst(pins.judge(pins.probe(box.scene(root=root)))).found


# --- serial adapters -----------------------------------------------------------------------------------


def test_an_adapter_on_a_pty(box: Any, tmp_path: Path, states: States, worst: Worst) -> None:
    path = tmp_path / "radio"
    box.write(tables=f'[driver.radio]\ntype = "rfxtrx"\ndevice = "{path}"\n')

    def looked(**more: Any) -> Finding:
        scene = msgspec.structs.replace(box.scene(), **more)
        (facts,) = serial.probe(scene)
        found = list(serial.judge(facts))
        states(found)
        return worst(found)

    assert "is not there" in looked().found
    path.touch()
    assert "no serial device" in looked().found
    with SerialAdapter(path) as adapter:
        assert looked().state == "well"
        path.resolve().chmod(0o600)
        assert "may not open" in looked(user=User("hearthline", 4_242, frozenset())).found
        assert looked(hub=Hub(running="silent")).state == "well"
        assert adapter.hear() == b"", "nobody may write to it"


def test_an_adapter_is_opened_only_while_no_hub_may_have_it(
    box: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SerialAdapter(tmp_path / "radio") as adapter:
        box.write(tables=f'[driver.radio]\ntype = "rfxtrx"\ndevice = "{adapter.path}"\n')
        opened: list[Path] = []
        real = serial._open

        def watched(path: Path) -> Any:
            opened.append(path)
            return real(path)

        monkeypatch.setattr(serial, "_open", watched)
        for running in ("running", "silent"):
            serial.probe(box.scene(hub=Hub(running=running)))
        assert not opened
        (facts,) = serial.probe(box.scene())
        assert (len(opened), facts.opened) == (1, "")


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        ({"holders": ("ModemManager",)}, "wrong", "ModemManager holds"),
        ({"holders": ("ModemManager", "python3"), "hub_runs": True}, "wrong", "ModemManager holds"),
        ({"holders": ("minicom",)}, "wrong", "(minicom)"),
        ({"holders": ("python3",), "hub_runs": True}, "well", ""),
        ({"console": True}, "wrong", "own console"),
        ({"opened": "busy"}, "wrong", "another program"),
        ({"opened": "failed", "reason": "Input/output error"}, "wrong", "Input/output"),
        ({"opened": "forbidden"}, "skipped", "sudo"),
        ({"better": "/dev/serial/by-id/usb-x"}, "warning", "another adapter"),
    ],
)
def test_an_adapter(facts: dict[str, Any], state: str, words: str, states: States, worst: Worst) -> None:
    device = "/dev/ttyUSB0" if "better" in facts else "/dev/serial/by-id/usb-x"
    found = list(serial.judge(serial.Facts(about="driver radio", path=device, **({"opened": ""} | facts))))
    states(found)
    assert (worst(found).state, words in worst(found).found) == (state, True)


def test_a_path_that_stays_and_the_machines_console_are_found(tmp_path: Path) -> None:
    (tmp_path / "dev/serial/by-id").mkdir(parents=True)
    (tmp_path / "proc").mkdir()
    device = tmp_path / "dev/ttyAMA0"
    device.touch()
    stable = tmp_path / "dev/serial/by-id/usb-RFXCOM"
    stable.symlink_to(device)
    (tmp_path / "proc/cmdline").write_text("console=ttyAMA0,115200 console=tty1 root=/dev/mmcblk0p2\n")
    assert serial._by_id(tmp_path, device) == str(stable)
    assert serial._is_console(tmp_path, device)
    assert not serial._is_console(tmp_path, tmp_path / "dev/ttyUSB0")


def test_who_holds_a_device_is_found_by_name(tmp_path: Path) -> None:
    fifo = tmp_path / "device"
    os.mkfifo(fifo)
    hold = f"import os, sys; os.open({str(fifo)!r}, os.O_RDWR); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert len(serial._holders(fifo)) == 1
        holder.kill()


# --- clock ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (clock.Facts(synced=True, ahead_s=0.4), ["well", "well"]),
        (clock.Facts(synced=True, ahead_s=-30), ["well", "warning"]),
        (clock.Facts(synced=False, ahead_s=86_400), ["warning", "wrong"]),
        (clock.Facts(synced=False, why="not asked"), ["warning", "skipped"]),
    ],
)
def test_a_clock(facts: clock.Facts, expected: list[str], states: States) -> None:
    assert [state for state, _ in states(clock.judge(facts))] == expected


class _Late(BaseHTTPRequestHandler):
    """A service whose clock is an hour behind."""

    def do_HEAD(self) -> None:
        self.send_response_only(404)
        self.send_header("Date", self.date_time_string(self.server.now_s - 3_600))  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def late_service(box: Any, now: dt.datetime) -> Iterator[int]:
    """It has a certificate that ended: whose clock is wrong must be found out all the same."""
    (box.folder / "old").mkdir()
    old = Authority(box.folder / "old", now - dt.timedelta(days=400))
    box.ca, files = old.certificate, old.issue("service", "localhost", server=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    server = HTTPServer(("127.0.0.1", 0), _Late)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    box.write()
    server.now_s = box.scene().clock.now().wall_ms / 1000  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_sites_clock_is_asked_over_tls_by_the_word_it_gave(box: Any, late_service: int) -> None:
    word = SiteWord(
        iat=0,
        version=1,
        name="Riverside",
        ca=box.ca.read_text(),
        centre=("pem",),
        ways=(WayIn(host="localhost"),),
        enrolment=f"localhost:{late_service}",
    )
    payload = base64.urlsafe_b64encode(msgspec.json.encode(word)).decode().rstrip("=")
    (box.keys.ca.parent / clock.SITE).write_text(f"e30.{payload}.c2ln")
    facts = clock.probe(box.scene(synced=False))
    assert facts.ahead_s is not None
    assert 3_590 < facts.ahead_s < 3_610
    (box.keys.ca.parent / clock.SITE).write_text("rubbish")
    assert "not enrolled" in clock.probe(box.scene()).why
