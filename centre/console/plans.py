"""Pages of a home's care plan: what was sent and what became of it, and each plan in plain words."""

import asyncio
from typing import Any

import msgspec
from litestar import get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from centre.console import home_words, plan_editor
from centre.console.guards import allow, who
from centre.console.home_reading import in_force, known, state_of
from centre.console.homes import HERE, AnyRequest
from centre.console.plan_review import Question, ReviewError, picture, review
from centre.services import Given, Services
from centre.store.sealing import SealError
from centre.work.plans import PlanRow

PLANS = 20


@get("/homes/{hub:str}/plan", guards=[allow(*HERE)], sync_to_thread=True)
def page(request: AnyRequest, services: Given, hub: FromPath[str], said: FromQuery[str] = "") -> Template:
    """Show what became of the plans sent to a home."""
    known(services, hub)
    context = _standing(services, hub) | {"hub": hub, "me": who(request), "said": said == "sent"}
    return Template("plan.html", context=context)


@get("/homes/{hub:str}/plan/part", guards=[allow(*HERE)], sync_to_thread=True)
def part(services: Given, hub: FromPath[str]) -> Template:
    """Show the part of it that lives."""
    known(services, hub)
    return Template("plan_part.html", context=_standing(services, hub) | {"hub": hub})


@get("/homes/{hub:str}/plan/read/{number:int}", guards=[allow(*HERE)])
async def explained(services: Given, hub: FromPath[str], number: FromPath[int]) -> Template:
    """Say a plan that was sent in plain words: references only, no number and no text of it."""
    row, document = await asyncio.to_thread(_opened, services, hub, number)
    try:
        found, problem = await review(Question(document=document, json=True, explain=True)), ""
    except ReviewError as error:
        found, problem = None, str(error)
    context = {"hub": hub, "row": row, "review": found, "problem": problem, "picture": picture}
    return Template("plan_read.html", context=context, status_code=503 if problem else 200)


def _standing(services: Services, hub: str) -> dict[str, Any]:
    return {
        "rows": services.plans.of_home(hub, PLANS),
        "in_force": in_force(services, hub, state_of(services, hub)),
        "home_words": home_words,
    }


def _opened(services: Services, hub: str, number: int) -> tuple[PlanRow, str]:
    known(services, hub)
    row = next((each for each in services.plans.of_home(hub) if each.number == number), None)
    if row is None:
        raise NotFoundException("This home was sent no such plan")
    try:
        return row, msgspec.json.encode(services.plans.document(number)).decode()
    except SealError as error:
        raise NotFoundException(f"This plan cannot be opened: {error}") from None


ROUTES: list[Any] = [page, part, explained, *plan_editor.ROUTES]
