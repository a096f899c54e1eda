"""How soon each fault is raised after the harm, and cleared after it is mended: the promise, as a table."""

from typing import Final, NamedTuple


class Bound(NamedTuple):
    """In seconds on the hub's clock. `least_s` is a time that must pass first: sooner would be a false alarm."""

    raised_s: float
    cleared_s: float
    least_s: float = 0


POLL_S = 7
"""Power supplies are looked at every 5 s."""

BACKOFF_S = 32
"""A driver or a line is tried again after 30 s at the latest."""

BOUNDS: Final[dict[str, Bound]] = {
    "driver: adapter pulled": Bound(2, BACKOFF_S),
    "driver: local broker gone": Bound(2, BACKOFF_S),
    "driver: pin thread killed": Bound(5, 2),  # from the second change it does not tell; pins are read every 3 s
    "part: interference": Bound(37, 17),  # more than 30 s of it (EN 50134-3), looked at every 5 s
    "part: power supplies gone": Bound(POLL_S, POLL_S),
    "sensor-silent": Bound(62, 2, least_s=60),  # configured: 60 s
    "sensor-tamper": Bound(2, 2),
    "sensor-battery-low": Bound(2, 2),
    "sensor-unavailable": Bound(2, 2),
    "mains": Bound(180, POLL_S, least_s=60),
    "battery": Bound(POLL_S, POLL_S),
    "storage": Bound(242, 70),  # with the next thing that is written; it must then be well for a minute
    "clock": Bound(32, 32),
    "certificate": Bound(86_400 + 600, 30),  # looked at daily, and when the hub starts
    "link": Bound(122, BACKOFF_S, least_s=120),
    "centre": Bound(600, 245),  # two check-ins, 4 min apart
}
"""Every fault, by its name and what was done. What is looked at every few seconds has them in its bound."""
