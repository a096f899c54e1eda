"""Run as the hub's own service would be: tries what the hub needs, and what nobody in its place may do.

A line for each: `ok`, or `WRONG` where the sandbox is too tight or too wide; ends with 1 if any is wrong.
"""

# ruff: noqa: PTH116, PTH208, S108 -- it makes the very calls that the sandbox judges

import contextlib
import ctypes
import errno
import importlib
import mmap
import os
import resource
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Callable
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
STATE, RUN = Path("/var/lib/hearthline"), Path("/run/hearthline")
CREDENTIALS = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nowhere"))
BROKER = ("10.0.2.15", 8883)

# x86-64 and arm64 differ in numbers, so by name; what libc has no name for, by number of x86-64.
CALL = {"bpf": 321, "io_uring_setup": 425, "keyctl": 250, "perf_event_open": 298, "kexec_load": 246, "init_module": 175}
RWX = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
AF_PACKET, AF_NETLINK, AF_VSOCK = 17, 16, 40
PTRACE_ATTACH, PERSONALITY_NO_RANDOMIZE = 16, 0x0040000
ADJ_FREQUENCY = 0x0002


def call(name: str, *arguments: object) -> None:
    """Make a call of the C library's, or of the kernel's. Raises OSError."""
    ctypes.set_errno(0)
    given = LIBC.syscall(CALL[name], *arguments) if name in CALL else getattr(LIBC, name)(*arguments)
    if given < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def opened(path: str, flags: int = os.O_RDWR) -> None:
    os.close(os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY))


def written(path: Path) -> None:
    path.write_text("x")
    path.unlink()


def ran(*command: str, given: bytes = b"", least: int = 0) -> None:
    done = subprocess.run(command, input=given, capture_output=True, timeout=120, check=False)
    if done.returncode != 0 or len(done.stdout) < least:
        raise OSError(0, f"ended with {done.returncode}: {done.stderr[-200:]!r}")


def hidden(look: Callable[[], object]) -> None:
    """Not being seen, or seen as empty, is as good as being closed: the guest has made sure that it is there."""
    try:
        seen = look()
    except FileNotFoundError:
        raise PermissionError(errno.EACCES, "not to be seen") from None
    if seen in (b"", []):
        raise PermissionError(errno.EACCES, "seen as empty")


# --- what the hub needs ----------------------------------------------------------------------------------


def pin() -> None:
    os.environ["LG_WD"] = str(STATE)
    lgpio = importlib.import_module("lgpio")  # after LG_WD, as the hub does
    chip = lgpio.gpiochip_open(0)
    lgpio.gpio_claim_output(chip, 3)
    lgpio.gpio_write(chip, 3, 1)
    lgpio.gpiochip_close(chip)


def serial_port() -> None:
    port = os.open("/dev/ttyS1", os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
    modes = termios.tcgetattr(port)
    modes[4] = modes[5] = termios.B38400
    termios.tcsetattr(port, termios.TCSANOW, modes)
    os.write(port, b"x")
    os.close(port)


def child_at_low_priority() -> None:
    ran(
        sys.executable,
        "-c",
        "from agent.apart import begin; import os; begin(nice=10, cpu_s_max=9); assert os.nice(0) == 5",
    )


def own_key() -> None:
    if b"PRIVATE KEY" not in (CREDENTIALS / "hub.key").read_bytes():
        raise OSError(0, "it is not there")


def broker() -> None:
    socket.create_connection(BROKER, timeout=10).close()


def one_big_child_dies_alone() -> None:
    done = subprocess.run([sys.executable, "-c", "x = b'x' * 700_000_000"], capture_output=True, check=False)
    if done.returncode != -9:
        raise OSError(0, f"700 MB: ended with {done.returncode}")


def not_dumped() -> None:
    if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
        raise OSError(0, "a core file could be written")


def powerless() -> None:
    status = dict(line.split(":\t") for line in Path("/proc/self/status").read_text().splitlines())
    if (
        int(status["CapEff"], 16)
        or int(status["CapBnd"], 16)
        or status["NoNewPrivs"] != "1"
        or status["Seccomp"] != "2"
    ):
        raise OSError(0, f"CapBnd {status['CapBnd']}")


NEEDED: dict[str, Callable[[], object]] = {
    "a pin: chip opened, line claimed and set (lgpio)": pin,
    "a serial port, its speed set (ttyS)": serial_port,
    "a USB serial adapter (ttyUSB)": lambda: opened("/dev/ttyUSB0"),
    "a pseudo-terminal": lambda: opened("/dev/ptmx"),
    "the sound card's node": lambda: opened("/dev/snd/controlC0"),
    "aplay plays on it": lambda: ran("aplay", "-q", "-d1", "-Dplughw:CARD=Dummy", "-fS16_LE", "/dev/zero"),
    "espeak-ng speaks": lambda: ran("espeak-ng", "--stdout", "help is on its way", least=10_000),
    "a child at a lower priority, with its time limited": child_at_low_priority,
    "TCP to the broker": broker,
    "a name is resolved": lambda: socket.getaddrinfo("localhost", 8883),
    "its state is written": lambda: written(STATE / "probe"),
    "its run-time folder is written": lambda: written(RUN / "probe"),
    "its key is read, as systemd handed it over": own_key,
    "the boot's id (S6)": lambda: Path("/proc/sys/kernel/random/boot_id").read_text(),
    "whether the clock is trusted, as timesyncd left it (S6)": lambda: os.stat("/run/systemd/timesync/synchronized"),
    "the power supplies": lambda: os.listdir("/sys/class/power_supply"),
    "no core file": not_dumped,
    "no capability, no new privileges, a filter": powerless,
    "a child that takes too much memory dies, and nobody else": one_big_child_dies_alone,
}


# --- what nobody may -------------------------------------------------------------------------------------


def written_and_executable() -> None:
    mmap.mmap(-1, 4096, prot=RWX).close()


def own_program() -> None:
    path = STATE / "probe.sh"
    path.write_text("#!/bin/sh\nexit 0\n")
    path.chmod(0o700)
    try:
        os.close(os.open(path, os.O_RDONLY))
        subprocess.run([path], check=True)
    finally:
        path.unlink()


def runs_as_another() -> None:
    path = STATE / "probe.suid"
    path.touch()
    try:
        path.chmod(0o4755)
    finally:
        path.unlink()


def clock_asked(modes: int) -> None:
    call("adjtimex", (ctypes.c_byte * 512)(*modes.to_bytes(4, "little")))


def clock_set() -> None:
    call("clock_settime", 0, (ctypes.c_long * 2)(1_700_000_000, 0))


def others_seen() -> None:
    pids = {name for name in os.listdir("/proc") if name.isdecimal()}
    if pids - {str(os.getpid())} - _own_kind(pids):
        return
    raise PermissionError(errno.EPERM, "none but the hub's own user's")


def _own_kind(pids: set[str]) -> set[str]:
    kin = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{pid}").st_uid == os.getuid():
                kin.add(pid)
    return kin


def many_tasks() -> None:
    hold, started = threading.Event(), []
    try:
        for _ in range(200):
            thread = threading.Thread(target=hold.wait)
            thread.start()
            started.append(thread)
    except RuntimeError:
        raise PermissionError(errno.EAGAIN, f"after {len(started)}") from None
    finally:
        hold.set()


FORBIDDEN: dict[str, Callable[[], object]] = {
    "write /etc": lambda: written(Path("/etc/probe")),
    "write the configuration": lambda: written(Path("/etc/hearthline/probe")),
    "write its own software": lambda: written(Path("/opt/hearthline/probe")),
    "write /usr": lambda: written(Path("/usr/probe")),
    "write another service's state": lambda: written(Path("/var/lib/mosquitto/probe")),
    "read the key where it lies": lambda: Path("/etc/hearthline/keys/hub.key").read_bytes(),
    "read another service's credential": lambda: hidden(Path("/run/credentials/other.service/secret").read_bytes),
    "read /etc/shadow": lambda: hidden(Path("/etc/shadow").read_bytes),
    "look into /home": lambda: hidden(lambda: os.listdir("/home/somebody")),
    "look into /root": lambda: hidden(lambda: os.listdir("/root")),
    "read the kernel's log": lambda: hidden(lambda: opened("/dev/kmsg", os.O_RDONLY)),
    "open the disk": lambda: hidden(lambda: opened("/dev/vda", os.O_RDONLY)),
    "write the hardware clock": lambda: hidden(lambda: opened("/dev/rtc0")),  # ProtectClock= lets it be read
    "open a keyboard": lambda: hidden(lambda: opened("/dev/input/event0", os.O_RDONLY)),
    "open memory": lambda: hidden(lambda: opened("/dev/mem", os.O_RDONLY)),
    "make a device": lambda: os.mknod(STATE / "node", 0o20600, os.makedev(1, 1)),
    "trace a process of its own user": lambda: call("ptrace", PTRACE_ATTACH, os.getppid(), 0, 0),
    "see others' processes": others_seen,
    "mount": lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "unmount": lambda: call("umount2", b"/tmp", 0),
    "a namespace of its own": lambda: call("unshare", 0x10000000),
    "change root": lambda: os.chroot("/tmp"),
    "a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "a packet socket": lambda: socket.socket(AF_PACKET, socket.SOCK_DGRAM),
    "a netlink socket": lambda: socket.socket(AF_NETLINK, socket.SOCK_RAW),
    "a socket of another kind": lambda: socket.socket(AF_VSOCK, socket.SOCK_STREAM),
    "set the clock": clock_set,
    "slow the clock down": lambda: clock_asked(ADJ_FREQUENCY),
    "ask the kernel of the clock": lambda: clock_asked(0),
    "become root": lambda: os.setuid(0),
    "give a file away": lambda: os.chown(STATE, 1, 1),
    "a file that runs as another (setuid)": runs_as_another,
    "another host name": lambda: socket.sethostname("probe"),
    "load a module": lambda: call("init_module", b"", 0, b""),
    "restart the machine": lambda: call("reboot", 0x89ABCDEF),
    "another kernel": lambda: call("kexec_load", 0, 0, 0, 0),
    "BPF": lambda: call("bpf", 0, 0, 0),
    "performance counters": lambda: call("perf_event_open", 0, 0, -1, -1, 0),
    "the kernel's keyring": lambda: call("keyctl", 0, -3, 0),
    "io_uring": lambda: call("io_uring_setup", 1, (ctypes.c_byte * 120)()),
    "a real-time priority": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "another personality": lambda: call("personality", PERSONALITY_NO_RANDOMIZE),
    "memory that is written and run": written_and_executable,
    "run what it wrote": own_program,
    "the kernel's settings": lambda: Path("/proc/sys/kernel/panic").write_text("0"),
    "control groups": lambda: Path("/sys/fs/cgroup/cgroup.procs").write_text(str(os.getpid())),
    "two hundred tasks": many_tasks,
}


# --- what renewal needs, and what not even it may ----------------------------------------------------------


def restart_wanted() -> None:
    maintenance = importlib.import_module("agent.maintenance")
    maintenance.lay_wanted(STATE, "certificate")
    path = STATE / maintenance.WANTED
    owner, folder = path.stat().st_uid, STATE.stat().st_uid
    path.unlink()
    if owner != folder:
        raise OSError(0, "it is not the hub's")


RENEWAL_NEEDS: dict[str, Callable[[], object]] = {
    "a key is written": lambda: written(Path("/etc/hearthline/keys/probe")),
    "the configuration is written": lambda: written(Path("/etc/hearthline/probe")),
    "the hub is told that a restart is wanted": restart_wanted,
    "TCP to the broker": broker,
    "whether the clock is trusted": lambda: clock_asked(0),
}
RENEWAL_MAY = {
    "see others' processes",  # whoever is in root's group does, whatever ProtectProc= says
    "write the configuration",
    "read the key where it lies",
    "give a file away",
    "ask the kernel of the clock",
}


def tried(what: Callable[[], object]) -> OSError | None:
    try:
        what()
    except OSError as error:
        return error
    except Exception as error:  # noqa: BLE001 -- lgpio's and whoever's
        return OSError(0, f"{type(error).__name__}: {error}")
    return None


def main() -> int:
    wrong = 0
    renewal = sys.argv[1:] == ["renewal"]
    needed = RENEWAL_NEEDS if renewal else NEEDED
    forbidden = {name: trial for name, trial in FORBIDDEN.items() if not (renewal and name in RENEWAL_MAY)}
    for wanted, trials in ((True, needed), (False, forbidden)):
        for name, trial in trials.items():
            problem = tried(trial)
            # A path that is not there proves nothing: what is forbidden must be there to be forbidden.
            good = problem is None if wanted else problem is not None and problem.errno not in (errno.ENOENT, 0)
            wrong += not good
            told = "" if problem is None else f": {problem.strerror}"
            print(f"{'ok' if good else 'WRONG'} {'may' if wanted else 'may not'}: {name}{told}", flush=True)  # noqa: T201
    print(f"{len(needed) + len(forbidden)} tried, {wrong} wrong", flush=True)  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
