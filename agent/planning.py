"""The parts that open what the centre encrypts, care plans and messages, wired as the daemon has them."""

from collections.abc import Callable

from agent.config import HubConfig
from agent.messages import arrival, keeping
from agent.plan.arrival import LOOK_EVERY_S, Gate, Plans
from agent.plan.keeping import FOLDER, Keeping
from agent.seams import Seams
from agent.wire.envelope import Verifier
from rules.state import House


def make_plans(
    config: HubConfig,
    seams: Seams,
    verifier: Verifier,
    *,
    house: Callable[[], House],
    put: Callable[..., bool],
    refuse: Callable[[str, str, bytes], None],
) -> Plans:
    """Make what takes plans; its `keeping` is the address book. Raises KeyFileError for a key that opens none."""
    return Plans(
        config.state_dir,
        Gate(config.hub, verifier, seams.plan_key(config)),
        Keeping(config.state_dir / FOLDER, house),
        house=house,
        put=put,
        refuse=refuse,
        prove=lambda plan: seams.prove(plan, config.path),
        carry=seams.carry,
        look_every_s=max(LOOK_EVERY_S, seams.beat_s),
    )


def make_messages(
    config: HubConfig, seams: Seams, plans: Plans, *, house: Callable[[], House], put: Callable[..., bool]
) -> arrival.Messages:
    """Make what takes messages; its `keeping` has their texts. Raises KeyFileError for a key that opens none."""
    return arrival.Messages(
        keeping.Keeping(config.state_dir / "messages"),
        seams.plan_key(config),
        house=house,
        put=put,
        text=plans.keeping.text,
        carry=seams.carry,
        look_every_s=max(arrival.LOOK_EVERY_S, seams.beat_s),
    )
