import ctypes
import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent import clock
from agent.clock import SystemClock, Timex, boot_id, kernel_synced, timesync_synced


def test_the_boot_id_is_twelve_digits_of_the_kernels() -> None:
    given = boot_id()
    assert len(given) == 12
    assert Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", "").startswith(given)
    assert SystemClock().boot == given


def test_s6_without_a_boot_id_every_start_counts_as_a_reboot(tmp_path: Path) -> None:
    first, second = boot_id(tmp_path / "none"), boot_id(tmp_path / "none")
    assert len(first) == len(second) == 12
    assert first != second


def test_durations_run_on_boottime_and_wall_time_is_unix() -> None:
    system = SystemClock()
    before = time.clock_gettime(time.CLOCK_BOOTTIME), time.time()  # noqa: TID251 -- what is compared with
    now = system.now()
    after = time.clock_gettime(time.CLOCK_BOOTTIME), time.time()  # noqa: TID251 -- likewise
    assert int(before[0] * 1000) <= now.ms <= int(after[0] * 1000)
    assert int(before[1] * 1000) - 1 <= now.wall_ms <= int(after[1] * 1000)


def test_the_kernel_is_asked_at_most_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    at_ns, answers = 5_000_000_000, iter([True, False])
    monkeypatch.setattr(time, "clock_gettime_ns", lambda _which: at_ns)
    system = SystemClock(lambda: next(answers))
    assert system.now().synced
    at_ns += 999_000_000
    assert system.now().synced
    at_ns += 1_000_000
    assert not system.now().synced
    assert next(answers, None) is None


def test_timex_is_laid_out_as_the_kernel_fills_it() -> None:
    asked = Timex(modes=0)
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(asked)) < 0:
        pytest.skip(f"adjtimex is not allowed here: {os.strerror(ctypes.get_errno())}")
    assert 9_000 <= asked.tick <= 11_000  # microseconds; nominally 10,000
    assert 0 <= asked.microseconds < 1_000_000_000  # nanoseconds with STA_NANO
    assert abs(asked.seconds - time.time()) < 5  # noqa: TID251 -- what is compared with


class FakeLibrary:
    def __init__(self, state: int, status: int) -> None:
        self.state, self.status = state, status

    def adjtimex(self, pointer: object) -> int:
        asked = pointer._obj  # type: ignore[attr-defined]
        assert asked.modes == 0, "this would set the clock"
        asked.status = self.status
        return self.state


@pytest.mark.parametrize(
    ("state", "status", "synced"),
    [(0, 0, True), (0, 0x2001, True), (1, 0, True), (5, 0, False), (0, 0x40, False), (5, 0x41, False), (-1, 0, None)],
)
def test_s6_synced_is_the_kernels_word(
    state: int, status: int, synced: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: FakeLibrary(state, status))
    assert kernel_synced() is synced


def test_a_system_without_adjtimex_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    assert kernel_synced() is None


@pytest.mark.parametrize(
    ("age_s", "fresh"), [(0, True), (31_999, True), (32_001, False), (-2, False), (-86_400, False), (90_000, False)]
)
def test_s6_where_the_kernel_may_not_be_asked_timesyncd_is_believed_for_a_while(
    age_s: int, fresh: bool, tmp_path: Path
) -> None:
    mark = tmp_path / "synchronized"
    mark.touch()
    os.utime(mark, (1_790_000_000, 1_790_000_000))
    assert timesync_synced(1_790_000_000 + age_s, mark) is fresh


def test_s6_without_a_word_of_timesyncds_the_clock_is_not_trusted(tmp_path: Path) -> None:
    assert timesync_synced(1_790_000_000, tmp_path / "synchronized") is False


@pytest.mark.parametrize("kernel", [True, False])
def test_s6_the_kernels_word_counts_where_it_can_be_had(kernel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "kernel_synced", lambda: kernel)
    monkeypatch.setattr(clock, "timesync_synced", lambda _wall_s: not kernel)
    assert clock.synced() is kernel
    monkeypatch.setattr(clock, "kernel_synced", lambda: None)
    assert clock.synced() is not kernel


def test_a_sandbox_that_forbids_adjtimex_cannot_ask() -> None:
    """What systemd's ProtectClock does, by a real seccomp filter: the call fails with EPERM."""
    program = f"""
import ctypes, struct, sys
sys.path.insert(0, {str(Path(clock.__file__).parent.parent)!r})
from agent.clock import kernel_synced
libc = ctypes.CDLL(None, use_errno=True)
number = {{"x86_64": 159, "aarch64": 171}}[__import__("platform").machine()]
also = {{"x86_64": 305, "aarch64": 266}}[__import__("platform").machine()]  # clock_adjtime: glibc may use either
code = [(0x20, 0, 0, 0), (0x15, 1, 0, number), (0x15, 0, 1, also), (0x06, 0, 0, 0x00050000 | {errno.EPERM}),
        (0x06, 0, 0, 0x7FFF0000)]
filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in code))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(filters)))
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
    sys.exit(77)
buffer = ctypes.create_string_buffer(512)
assert libc.adjtimex(buffer) == -1 and ctypes.get_errno() == {errno.EPERM}
print(kernel_synced())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode == 77:
        pytest.skip("no seccomp here")
    assert (done.stdout, done.stderr) == ("None\n", "")
