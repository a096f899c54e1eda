"""`python -m agent.store.left STATE_DIR`: counts what a hub that is not running never delivered, as a line of JSON.

For whoever is about to wipe it: nothing is changed, and nothing of what waits is told. Ends with 1, and says why, where
it cannot be read.
"""

import contextlib
import json
import sqlite3
import sys
from pathlib import Path

from agent.store.errors import reason
from agent.store.files import StoreFile, beside
from agent.store.rows import RAISED, TELEMETRY

STORE = "hub.db"


def left(state_dir: Path) -> dict[str, int]:
    """Count the rows without a receipt: in each lane, and the raised alarms among them. Raises sqlite3.Error."""
    path = state_dir / STORE
    if not path.exists() and not beside(path, "-wal").exists():
        return {"a": 0, "t": 0, "alarms": 0}
    with contextlib.closing(StoreFile(path).connect("ro")) as connection:
        rows = connection.execute("SELECT rank, count(*) FROM outbox WHERE state = 0 GROUP BY rank").fetchall()
    counts: dict[int, int] = dict(rows)
    telemetry = counts.get(TELEMETRY, 0)
    return {"a": sum(counts.values()) - telemetry, "t": telemetry, "alarms": counts.get(RAISED, 0)}


def main(arguments: list[str]) -> int:
    """Print the counts."""
    try:
        sys.stdout.write(json.dumps(left(Path(arguments[0]))) + "\n")
    except sqlite3.Error as error:
        sys.stderr.write(f"{reason(error)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
