"""What day it is, for whoever looks at a plan at a desk: the plan, and the hub's reading of it, know no clock."""

import datetime as dt

from agent.clock import SystemClock
from rules.calendar import date_of, zone_of


def today(time_zone: str = "UTC") -> dt.date:
    """Give the day that it is now in a time zone, as this computer has it."""
    return date_of(zone_of(time_zone) or dt.UTC, SystemClock().now().wall_ms)
