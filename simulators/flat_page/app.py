"""The page's server: the page, what happens as a stream of events, and a way to press each button."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Litestar, Response, get, post
from litestar.datastructures import State
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, ServerSentEvent, ServerSentEventMessage

from agent.voice.index import path_of, read_index
from simulators.demo.world import World
from simulators.flat_page.deeds import DEEDS, NAMED, Doing, TooBusyError, offered, placed
from simulators.flat_page.joining import Elsewhere
from simulators.flat_page.shown import shown, told
from simulators.flat_page.words import TRIES
from simulators.watched_pins import Change

HERE: Final = Path(__file__).parent
WINDOWS_TOLD: Final = (
    "To be quick, there are 6 seconds to cancel here (at home 10), and 10 after a fall (at home 30). The siren comes"
    " after a minute, as at home."
)
FILES: Final = {
    "flat.css": "text/css",
    "flat.js": "text/javascript",
    "sound.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
"""Everything that the page fetches besides itself."""

LOOK_S: Final = 0.05
"""How often a page's stream looks whether something has changed: a lamp that blinks fast changes every 200 ms."""

BEAT_S: Final = 2.0
"""A stream that says nothing for longer is broken: the page says so."""

STEPS_MAX: Final = 200
NOTES_MAX: Final = 256
LISTENERS_MAX: Final = 16
"""Pages that listen at once (S12)."""


class Notes:
    """What the sounder does, for every page that listens: the very changes of its pin."""

    def __init__(self) -> None:
        self._listening: set[asyncio.Queue[dict[str, int]]] = set()

    def felt(self, part: str, change: Change) -> None:
        """Take a change of one of the flat's outputs."""
        if part not in ("sounder", "siren"):
            return
        note = {"ms": change.ms, "hz": round(change.hz or 0) if change.value else 0, "siren": int(part == "siren")}
        if part == "siren":
            note["hz"] = int(bool(change.value))
        for queue in self._listening:
            if not queue.full():  # a page that does not read hears nothing more
                queue.put_nowait(note)

    def open(self) -> "asyncio.Queue[dict[str, int]]":
        """Begin to listen. Raises TooBusyError."""
        if len(self._listening) >= LISTENERS_MAX:
            raise TooBusyError("too many pages are open: close some")
        queue: asyncio.Queue[dict[str, int]] = asyncio.Queue(NOTES_MAX)
        self._listening.add(queue)
        return queue

    def close(self, queue: "asyncio.Queue[dict[str, int]]") -> None:
        """Listen no more."""
        self._listening.discard(queue)


class Stage(msgspec.Struct, kw_only=True):
    """What the page is about. `link` makes a link into the console of the real centre that runs beside it.

    `elsewhere` is the centre that the flat has joined. With neither the centre only pretends.
    """

    world: World
    notes: Notes
    doing: Doing
    link: Callable[[], str] | None = None
    elsewhere: Elsewhere | None = None
    since: int = 0


def page(stage: Stage) -> str:
    """Write the page."""
    loader = Environment(loader=FileSystemLoader(HERE / "pages"), autoescape=True, undefined=StrictUndefined)
    return loader.get_template("flat.html").render(
        placed=lambda place: placed(place, stage.world),
        tries=[each for each in TRIES if stage.elsewhere is None or not each.ours],
        simulated=stage.link is None and stage.elsewhere is None,
        elsewhere=stage.elsewhere,
        folder=stage.world.folder,
        windows=WINDOWS_TOLD,
    )


async def stream(stage: Stage) -> AsyncIterator[ServerSentEventMessage]:
    """Tell everything from the beginning of the visit on: state when it changes, steps, notes."""
    queue = stage.notes.open()
    loop, world = asyncio.get_running_loop(), stage.world
    place = max(stage.since, len(world.story) - STEPS_MAX)
    before, quiet_since = None, 0.0
    try:
        yield _message("hello", {"from": place})
        while True:
            now = shown(world)
            if now != before:
                before = now
                yield _message("state", now)
            steps, place = world.story.steps(place), len(world.story)
            fresh = [told(place - len(steps) + at, step) for at, step in enumerate(steps)]
            if said := [each for each in fresh if each.words or each.own or each.key]:
                yield _message("steps", said)
            notes = [queue.get_nowait() for _ in range(queue.qsize())]
            if notes:
                yield _message("notes", notes)
            if loop.time() - quiet_since > BEAT_S:
                quiet_since = loop.time()
                yield _message("beat", world.now_ms())
            await asyncio.sleep(LOOK_S)
    finally:
        stage.notes.close(queue)


def _message(kind: str, content: object) -> ServerSentEventMessage:
    return ServerSentEventMessage(data=msgspec.json.encode(content).decode(), event=kind, retry=1_000)


@get("/", sync_to_thread=False, media_type="text/html")
def _page(state: State) -> str:
    return page(state.stage)


@get("/live", sync_to_thread=False)
def _live(state: State) -> ServerSentEvent:
    return ServerSentEvent(stream(state.stage))


@get("/console", sync_to_thread=True)
def _console(state: State) -> Redirect:
    """Lead into the console, signed in: each time by a link of its own, for each is good once."""
    stage: Stage = state.stage
    if stage.link is None:
        raise NotFoundException
    return Redirect(stage.link(), status_code=303)


@get("/{name:str}", sync_to_thread=True)
def _file(name: FromPath[str]) -> Response[bytes]:
    if name not in FILES:
        raise NotFoundException
    return Response((HERE / "static" / name).read_bytes(), media_type=FILES[name])


@get("/voice/{number:int}", sync_to_thread=True)
def _voice(state: State, number: FromPath[int]) -> Response[bytes]:
    """Give the sound of what was said at a step: the very clip that the box rendered."""
    stage: Stage = state.stage
    step = next(iter(stage.world.story.steps(number)), None)
    _, _, key = step.key.partition("says:") if step is not None else ("", "", "")
    name, _, language = key.rpartition(":")
    voice = stage.world.flat.folder / "state" / "voice"
    for clip in read_index(voice).clips if name else ():
        said = clip.key == name or (name == "text" and clip.key in stage.world.care.texts)
        if said and clip.file and clip.language.partition("-")[0] == language:
            return Response(path_of(voice, clip).read_bytes(), media_type="audio/wav")
    raise NotFoundException


@post("/do/{name:str}", status_code=202)
async def _do(state: State, name: FromPath[str]) -> Response[str]:
    stage: Stage = state.stage
    deed = NAMED.get(name)
    if deed is None or not offered(deed, stage.world):
        raise NotFoundException
    try:
        stage.doing.begin(deed)
    except TooBusyError as error:
        return Response(str(error), status_code=429, media_type="text/plain")
    return Response("", media_type="text/plain")


def application(stage: Stage) -> Litestar:
    """Give the application; it stands behind `Guard`."""
    return Litestar(
        [_page, _live, _console, _file, _voice, _do],
        state=State({"stage": stage}),
        openapi_config=None,
        logging_config=None,
    )


assert len(NAMED) == len(DEEDS), "two deeds have one name"  # noqa: S101
