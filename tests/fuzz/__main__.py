"""`make fuzz`: looks for bytes that break a promise, led by what of the code they reach, for as long as one likes."""

import subprocess
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".fuzz"
_TOLD_CHARS = 4_000
NAMES = (
    *("rfxtrx", "mr60", "mr60fda2", "zigbee2mqtt"),
    *("envelope", "signed", "command", "message", "event", "plan-toml", "plan-json", "plan-sealed", "calendar"),
    *("pdu", "modem", "reply"),
)
"""As in `tests.fuzz.targets`, which may be loaded only once it can be watched."""


def look(name: str, seconds: int) -> None:
    """Look at one target, in a process of its own. Ends the process."""
    import atheris  # noqa: PLC0415 -- it must come before what it is to watch, and only `make fuzz` installs it

    with atheris.instrument_imports(include=["rules", "sensors", "agent", "provisioning.plan"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 -- see above

    target, corpus = TARGETS[name], FOLDER / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", "-max_len=4096", f"-artifact_prefix={corpus}-crash-", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, "-print_final_stats=1", str(corpus)], target.take)
    atheris.Fuzz()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("targets", nargs=-1, metavar="[TARGET]...", type=click.Choice(NAMES))
@click.option("--seconds", default=60, show_default=True, type=click.IntRange(min=1), help="How long to look at each.")
@click.option("--look", "looking", is_flag=True, hidden=True)
def main(targets: tuple[str, ...], seconds: int, looking: bool) -> None:
    """Look for bytes that break a promise, led by what of the code they reach.

    Without TARGET all are looked at. What was found interesting is kept in .fuzz/, and the next run goes on there; so
    are bytes that broke a promise, as .fuzz/TARGET-crash-..., and the exit code is 1.
    """
    if looking:
        look(targets[0], seconds)
    broken = []
    for name in targets or NAMES:
        click.echo(f"{name}: {seconds} s ... ", nl=False)
        one = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(seconds), "--look"]
        done = subprocess.run(one, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
        runs = [line.rpartition(" ")[2] for line in done.stderr.splitlines() if "number_of_executed_units" in line]
        click.echo(f"{int(runs[0]):,} inputs" if runs else "stopped")
        if done.returncode:
            click.echo(done.stderr[-_TOLD_CHARS:], err=True)
            broken.append(name)
    click.echo(f"Broken: {', '.join(broken)}; the bytes are in {FOLDER.name}/" if broken else "No promise was broken.")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
