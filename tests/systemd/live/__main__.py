"""`python -m tests.systemd.live FOLDER`: the installed hub on a whole machine of its own, with systemd as process 1.

Makes a Debian 12 system in FOLDER (once), installs this checkout into it by `hearthline provision install --root`, and
boots it in an emulator: with a USB serial adapter that a simulated radio is on, a chip with pins, a sound card, a
broker. `guest.sh` then looks at what works under the service's restrictions, and `probe.py` at what does not. Root,
debootstrap, qemu-system-x86 and acpica-tools (iasl) are needed, and ten minutes or so: nothing here is accelerated.
"""

import argparse
import asyncio
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.clock import SystemClock
from provisioning.provision.source import source_of
from simulators.devices import Rfxtrx433
from simulators.keys import make_keys

HERE, ROOT = Path(__file__).resolve().parent, Path(__file__).resolve().parents[3]
HUB = "hub-test"
PACKAGES = (
    "systemd,systemd-sysv,systemd-timesyncd,dbus,udev,python3-minimal,python3-venv,espeak-ng,alsa-utils,mosquitto,"
    "libpangoft2-1.0-0,libharfbuzz-subset0,kmod"
)
KERNEL = ("linux-image-amd64", "initramfs-tools", "zstd")
BOOT_S = 1_500
PROBES = 2
"""What the hub may, and what renewal may."""

PINS = """DefinitionBlock ("", "SSDT", 1, "HEARTH", "PINS", 1) {
  Scope (\\_SB) { Device (PT00) { Name (_HID, "AMDF030") Name (_UID, 1)
    Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0xFEF00000, 0x100) }) } }
}
"""
"""A chip with pins, for the driver gpio-amdpt: nothing is behind it, but lines can be claimed and set."""

HUB_TOML = """
hub = "hub-test"
outputs = "log"
[keys]
hub = "keys/hub.key"
plan = "keys/plan.key"
centre = ["keys/centre-1.pem"]
[[uplink]]
name = "main"
host = "localhost"
address = "10.0.2.15"
ca = "keys/ca.pem"
certificate = "keys/uplink.pem"
key = "keys/uplink.key"
[sound]
device = "plughw:CARD=Dummy"
[driver.radio]
type = "rfxtrx"
device = "/dev/ttyUSB0"
[[sensor]]
id = "pendant-1"
driver = "radio"
address = "security1:d3dc54"
kind = "pendant"
location = "flat"
[kind.pendant]
cancel_s = 0
"""

GUEST = """[Unit]
After=network.target
[Service]
Type=oneshot
ExecStartPre=/bin/mkdir -p /share
ExecStartPre=/bin/mount -t 9p -o trans=virtio,version=9p2000.L share /share
ExecStart=/bin/sh -c 'sh /share/guest.sh > /share/told.txt 2>&1'
ExecStopPost=/bin/systemctl --no-block poweroff
[Install]
WantedBy=multi-user.target
"""


def run(*command: str | Path) -> None:
    """Run a command to its end; it says what it has to say."""
    print("+", *command, flush=True)  # noqa: T201
    subprocess.run([str(each) for each in command], check=True)


@contextmanager
def inside(system: Path) -> Iterator[None]:
    """Let programs run in a system: /proc, and this machine's way to the network."""
    for name in ("etc/resolv.conf", "etc/pip.conf", "etc/ssl/certs/ca-certificates.crt"):
        if (Path("/") / name).exists():
            (system / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path("/") / name, system / name)
    run("mount", "--bind", "/proc", system / "proc")
    try:
        yield
    finally:
        run("umount", system / "proc")


def make_system(system: Path, mirror: str) -> None:
    """Make a Debian 12 system with a kernel, once."""
    if (system / "vmlinuz").exists():
        return
    run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", system, mirror)
    with inside(system):
        run("chroot", system, "apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *KERNEL)


def install(system: Path, share: Path) -> None:
    """Install the hub as an installer would; then its keys, which a site would have given it."""
    if (share / "source").exists():
        shutil.rmtree(share / "source")
    source = source_of(ROOT).stage(share)  # as it is now: the guest installs the same again
    with inside(system):
        run(sys.executable, "-c", "from provisioning.provision.install import install; install()",
            "--from", source, "--root", system, "--no-packages")  # fmt: skip
    keys = make_keys(share / "keys", SystemClock().now().wall_ms, [HUB])
    hub, etc = keys.hubs[HUB], system / "etc/hearthline"
    for name, path in {
        "hub.key": hub.signing,
        "plan.key": hub.plan,
        "uplink.key": hub.tls.key,
        "uplink.pem": hub.tls.certificate,
        "ca.pem": keys.ca,
        "centre-1.pem": keys.centre_public,
    }.items():
        shutil.copy(path, etc / "keys" / name)
    (etc / "hub.toml").write_text(HUB_TOML)
    (etc / "hub.toml").chmod(0o600)
    files = {"cafile": keys.ca, "certfile": keys.broker.certificate, "keyfile": keys.broker.key}
    lines = [f"{name} /share/keys/{path.name}" for name, path in files.items()]
    lines += ["require_certificate true", "use_identity_as_username true", "tls_version tlsv1.3", "log_type all"]
    broker = ["listener 8883 0.0.0.0", "user root", *lines, "log_dest file /run/mosquitto-test.log"]
    (share / "mosquitto.conf").write_text("\n".join(broker))
    shutil.copy(HERE / "probe.py", system / "opt/hearthline/probe.py")
    shutil.copy(HERE / "guest.sh", share / "guest.sh")
    unit = system / "etc/systemd/system/guest.service"
    unit.write_text(GUEST)
    network = system / "etc/systemd/network/guest.network"
    network.write_text("[Match]\nName=en*\n[Network]\nDHCP=yes\n")
    (system / "etc/hosts").write_text("127.0.0.1 localhost\n")
    run("systemctl", f"--root={system}", "enable", "guest.service", "systemd-networkd.service")


def emulator(folder: Path) -> list[str]:
    """Give the command that boots the machine."""
    system = folder / "system"
    drive = f"file={folder / 'disk.img'},format=raw,if=virtio,cache=unsafe"
    shared = f"local,path={folder / 'share'},mount_tag=share,security_model=none"
    return [
        *("qemu-system-x86_64", "-machine", "pc", "-accel", "tcg"),
        *("-cpu", "max", "-m", "1536"),  # lgpio's wheel wants more than a plain x86-64
        *("-display", "none", "-monitor", "none", "-no-reboot"),
        *("-kernel", f"{system / 'vmlinuz'}", "-initrd", f"{system / 'initrd.img'}"),
        *("-append", "root=/dev/vda rw console=ttyS0 quiet mitigations=off"),
        *("-drive", drive, "-virtfs", shared, "-nic", "user,model=virtio-net-pci"),
        *("-acpitable", f"file={folder / 'pins.aml'}"),
        *("-serial", "stdio", "-chardev", "null,id=s1", "-serial", "chardev:s1"),
        *("-device", "qemu-xhci,id=usb", "-chardev", f"serial,path={folder / 'radio'},id=u1"),
        *("-device", "usb-serial,chardev=u1,bus=usb.0"),
    ]


async def boot(folder: Path) -> None:
    """Boot it, and press the pendant when the guest says that somebody listens."""
    radio = Rfxtrx433(folder / "radio", random.Random(1))
    await radio.start()
    asked = folder / "share/press"
    asked.unlink(missing_ok=True)
    with (folder / "console.log").open("wb") as console:
        machine = await asyncio.create_subprocess_exec(
            *emulator(folder), stdin=asyncio.subprocess.DEVNULL, stdout=console, stderr=console
        )

        async def press() -> None:
            while not asked.exists():
                await asyncio.sleep(0.5)
            await radio.press()

        pressing = asyncio.create_task(press())
        try:
            await asyncio.wait_for(machine.wait(), BOOT_S)
        finally:
            pressing.cancel()
            if machine.returncode is None:
                machine.kill()
            await radio.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Make, install, boot; give 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.systemd.live", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the system is made and kept: 2 GB")
    parser.add_argument("--mirror", default="", help="where Debian is fetched from, if not where debootstrap does")
    options = parser.parse_args(arguments)
    if os.geteuid() != 0:
        parser.error("only root can make a system")
    folder = options.folder.resolve()
    share = folder / "share"
    share.mkdir(parents=True, exist_ok=True)
    make_system(folder / "system", options.mirror)
    install(folder / "system", share)
    (folder / "pins.asl").write_text(PINS)
    run("iasl", "-p", folder / "pins", folder / "pins.asl")
    (folder / "disk.img").unlink(missing_ok=True)
    run("mke2fs", "-q", "-t", "ext4", "-d", folder / "system", folder / "disk.img", "3G")
    asyncio.run(boot(folder))
    told = (share / "told.txt").read_text(errors="replace")
    print(told)  # noqa: T201
    return 1 if "WRONG" in told or told.count(" tried, 0 wrong") != PROBES else 0


if __name__ == "__main__":
    sys.exit(main())
