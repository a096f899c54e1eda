"""`python -m simulators.bench [--write FILE]`: the table, on this machine, now."""

import argparse
import asyncio
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from simulators.bench.floor import Floor
from simulators.bench.footprint import IDLE_S, Footprint, measure, sync_ms
from simulators.bench.press import press
from simulators.bench.stage import Line, Probe, Stage

NAMES = {
    "output": "press → first local output",
    "durable": "press → durable",
    "puback": "press → PUBACK",
    "receipt": "press → receipt",
}


def quantile(values: Sequence[float], share: float) -> float:
    """Give the value below which `share` of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def run(folder: Path, presses: int) -> tuple[Probe, Probe, Footprint, list[float]]:
    """Measure everything in `folder`, whose disk is the one that counts."""
    with Stage(folder) as stage:
        line = Line(folder / "floor-line")
        floor = Probe()
        say(f"floor: {presses} presses")
        await Floor(stage, floor).run(line, presses)
        line.close()
        line = Line(folder / "hub-line")
        config = stage.config(folder / "hub-line")
        say(f"hub: {presses} presses")
        hub = await press(stage, line, config, presses)
        say(f"footprint: starts, and {IDLE_S:.0f} s of nothing")
        footprint = await asyncio.to_thread(measure, stage.config(folder / "hub-line", "idle.toml"))
        line.close()
    return floor, hub, footprint, sync_ms(folder)


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def table(floor: Probe, hub: Probe, footprint: Footprint, sync: list[float]) -> str:
    """Write the result in Markdown."""
    lines = [
        "| | floor p50 / p99 ms | hub p50 / p99 ms | ratio p50 / p99 |",
        "|---|---|---|---|",
    ]
    for stage, name in NAMES.items():
        f50, f99 = (quantile(floor.taken[stage], share) * 1000 for share in (0.5, 0.99))
        h50, h99 = (quantile(hub.taken[stage], share) * 1000 for share in (0.5, 0.99))
        lines.append(f"| {name} | {f50:.2f} / {f99:.2f} | {h50:.2f} / {h99:.2f} | {h50 / f50:.1f} / {h99 / f99:.1f} |")
    armed, worst = statistics.median(footprint.armed_s), max(footprint.armed_s)
    lines += [
        "",
        f"- {len(hub.taken['receipt'])} presses of the hub, {len(floor.taken['receipt'])} of the floor, one at a time.",
        f"- Process start → armed: {armed:.2f} s (median of {len(footprint.armed_s)}); worst {worst:.2f} s.",
        f"- Memory: {footprint.pss_kib / 1024:.1f} MiB PSS beside this; RSS {footprint.rss_kib / 1024:.1f} MiB.",
        f"- Idle: {footprint.idle_percent:.2f} % of one core.",
        f"- fdatasync of 4 KiB on this disk: {quantile(sync, 0.5):.2f} / {quantile(sync, 0.99):.2f} ms (p50 / p99).",
    ]
    return "\n".join(lines)


def machine() -> str:
    """Say what this ran on."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            model = line.split(":", 1)[1].strip()
            break
    broker = subprocess.run(["mosquitto", "-h"], capture_output=True, text=True, check=False).stdout.split("\n")[0]  # noqa: S607
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {system}, {broker}"


PAGE = """# Benchmarks

What a press costs, beside the barest program that could do the same honestly: bytes from a pty, one `synchronous=FULL`
commit through aiosqlite in one hop, one signed QoS 1 publish over TLS 1.3, the centre's signed receipt verified. Hub
and floor run one after the other against the same broker and the same centre, on the same disk. The hub's cancel
window is 0. Presses are bytes on a pty; the first local output is the "heard you" sound on its pin.

Compare the ratios, not the milliseconds: a desktop disk commits in a tenth of the time of an SD card.

Made by `make bench` on: {machine}.

{table}
"""


def main() -> None:
    """Measure, print the table, and write the page if asked."""
    parser = argparse.ArgumentParser(prog="python -m simulators.bench", description=__doc__)
    parser.add_argument("--presses", type=int, default=2_000)
    parser.add_argument("--write", type=Path, help="write the page here")
    parser.add_argument("--folder", type=Path, help="measure on this folder's disk (default: the temporary folder's)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench", dir=options.folder) as folder:
        result = table(*asyncio.run(run(Path(folder), options.presses)))
    print(result)
    if options.write:
        options.write.write_text(PAGE.format(machine=machine(), table=result))


if __name__ == "__main__":
    main()
