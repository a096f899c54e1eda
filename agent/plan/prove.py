"""`python -m agent.plan.prove HUB_TOML`: a plan's values as JSON on standard input, the verdict as JSON on the other.

A process of its own: nothing of the daemon waits for it, and no telephone number or text ever reaches it (S11).
"""

import sys
from pathlib import Path

import msgspec

from agent.apart import begin
from agent.config import ConfigError
from agent.plan.hub import plan_config
from agent.plan.proving import Verdict
from rules.plan import Plan
from rules.proof import prove

NICE, CPU_S_MAX = 19, 120

REASONS_MAX = 10


def main(arguments: list[str] | None = None) -> int:
    """Prove a plan and print the verdict."""
    (hub_toml,) = sys.argv[1:] if arguments is None else arguments
    begin(nice=NICE, cpu_s_max=CPU_S_MAX)
    sys.stdout.buffer.write(msgspec.json.encode(verdict(sys.stdin.buffer.read(), Path(hub_toml))))
    return 0


def verdict(plan: bytes, hub_toml: Path) -> Verdict:
    """Give the verdict on a plan's values."""
    try:
        found = prove(msgspec.json.decode(plan, type=Plan), *plan_config(hub_toml))
    except (ConfigError, msgspec.DecodeError) as error:
        return Verdict(ok=False, reasons=(f"it could not be proven: {error}",), transient=True)
    errors = [f"{each.where}: {each.words}" for each in found.findings if each.severity == "error"]
    return Verdict(ok=found.ok, reasons=tuple(errors[:REASONS_MAX]))


if __name__ == "__main__":
    sys.exit(main())
