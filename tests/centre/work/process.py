"""A worker of the centre's in a process of its own, to be killed: `python -m tests.centre.work.process FOLDER NAME`."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, OKPKey

from centre.settings import LineSettings
from centre.store.cases import Cases
from centre.work.desk import Desk
from centre.work.running import Working
from tests.centre.work.town import Office, Site

TOLD = "told.json"
"""What the process is told, by the test that starts it; its keys are a test's."""


def tell(folder: Path, url: str, port: int, centre: OKPKey, site: Site, *, die: str = "") -> None:
    """Write down what a worker needs. `die` says where it kills itself."""
    told = {
        "url": url,
        "port": port,
        "centre": centre.as_dict(private=True),
        "hubs": {hub: key.as_dict(private=False) for hub, key in site.keys.items()},
        "die": die,
    }
    (folder / TOLD).write_text(json.dumps(told))


async def start(folder: Path, name: str) -> asyncio.subprocess.Process:
    """Start a worker; it says `ready` on its output once its line is up."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.centre.work.process", str(folder), name),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


async def main(folder: Path, name: str) -> None:
    told: dict[str, Any] = json.loads((folder / TOLD).read_text())
    site = Site(keys={hub: ECKey.import_key(key) for hub, key in told["hubs"].items()})
    for hub in site.keys:
        site.enrol(hub)
    office = Office(told["url"], folder)
    if told["die"] == "before-the-case":
        _die_instead_of_keeping(office)
    line = LineSettings(host="127.0.0.1", port=told["port"], group="g1", key=OKPKey.import_key(told["centre"]))
    working = Working(name, line, office, site, {})
    task = asyncio.create_task(working.run())
    while not working.hears:
        await asyncio.sleep(0.02)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await task


def _die_instead_of_keeping(office: Office) -> None:
    """Die as by a power cut, when the event is in the store and its case is not."""

    class Dying(Desk):
        def take_all(self, *args: Any, **more: Any) -> Any:
            if args[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().take_all(*args, **more)

    office.desk = Dying(office.database, Cases(office.database), office.commands, office.clock, lambda _: True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
