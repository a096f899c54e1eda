"""The console as one Litestar application: every page module's routes, its templates, and what no page forgets."""

import importlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from litestar import Litestar, Request, Response, Router
from litestar.datastructures import CacheControlHeader, State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig
from litestar.types import ControllerRouterHandler
from markupsafe import Markup

from centre.console import queue, security, words
from centre.console.guards import SignedIn, SignInNeededError, check_declared, to_sign_in
from centre.console.live import beating
from centre.intake import LedgerDownError
from centre.services import Services
from centre.store.records import NotAllowedError

HERE = Path(__file__).parent
_log = logging.getLogger(__name__)

PAGES = (
    "centre.console.queue",
    "centre.console.case",
    "centre.console.live",
    "centre.console.homes",
    "centre.console.exporting",
    "centre.console.plans",
    "centre.console.commands",
    "centre.console.enrolling",
    "centre.console.worklist",
    "centre.console.tests_page",
    "centre.console.reports",
    "centre.console.integrations",
    "centre.console.signing_in",
    "centre.console.account",
    "centre.console.staff",
    "centre.console.audit",
    "centre.console.consent",
    "centre.attaching.api",
    "centre.attaching.health",
)
"""Modules with ROUTES. One line each."""


def application(services: Services, *, pages: Sequence[str] = PAGES) -> Litestar:
    """Make the console. While it runs, so does the pulse."""
    fresh = CacheControlHeader(no_cache=True)  # asked for anew: no page runs an older console's script
    static = create_static_files_router("/static", [HERE / "static"], opt={"public": True}, cache_control=fresh)
    app = Litestar(
        # In a router: handed to the application one by one, two handlers of one path are made asynchronous twice.
        route_handlers=[Router("/", route_handlers=_routes(pages)), static],
        dependencies={"services": Provide(lambda: services, sync_to_thread=False)},
        state=State({"services": services}),
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment(services))),
        middleware=[SignedIn(services.roster)],
        before_send=[security.headers],
        exception_handlers={
            SignInNeededError: to_sign_in,
            HTTPException: _told,
            LedgerDownError: _store_down,
            NotAllowedError: _not_allowed,
            Exception: _broken,
        },
        lifespan=[beating],
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=None,
        logging_config=None,  # the process has its own
    )
    check_declared(app)
    return app


BODY_BYTES_MAX = 1_000_000
"""More than a care plan and any form need."""


def environment(services: Services) -> jinja2.Environment:
    """Make what renders pages. Everything is escaped; a name that is not there is an error, and not a gap."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "words": words,
        "now_ms": services.now_ms,
        "csrf_value": jinja2.pass_context(_csrf_value),
        "user": jinja2.pass_context(_user),
        "status": lambda: queue.status(services.pulse.view, services.now_ms()),
    }
    made.filters["clock"] = lambda ms: words.clock(ms, services.zone)
    made.filters["moment"] = lambda ms: words.moment(ms, services.zone, services.now_ms())
    made.filters["iso"] = words.iso
    made.filters["duration"] = words.duration
    made.filters["attributes"] = _attributes
    return made


def _routes(pages: Sequence[str]) -> list[ControllerRouterHandler]:
    return [route for name in pages for route in importlib.import_module(name).ROUTES]


def _attributes(given: Mapping[str, object]) -> Markup:
    """Write attributes: those that are None or False are left out, True needs no value."""
    parts = (
        Markup(" {}").format(name) if value is True else Markup(' {}="{}"').format(name, value)
        for name, value in given.items()
        if value is not None and value is not False
    )
    return Markup("").join(parts)


def _csrf_value(context: jinja2.runtime.Context) -> str:
    request: Request[Any, Any, Any] = context["request"]
    return str(request.scope.get("state", {}).get("csrf", ""))


def _user(context: jinja2.runtime.Context) -> Any:  # noqa: ANN401 -- an Operator, or None before anybody is signed in
    request: Request[Any, Any, Any] = context["request"]
    return request.scope.get("user")


# --- what went wrong ---------------------------------------------------------------------------------


def _told(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    return _page(request, error.status_code, error.detail, error.headers)


def _store_down(request: Request[Any, Any, Any], error: LedgerDownError) -> Response[Any]:
    return _page(request, 503, f"{error}. Nothing was changed. Alarms wait at the hubs, and are offered again")


def _not_allowed(request: Request[Any, Any, Any], error: NotAllowedError) -> Response[Any]:
    return _page(request, 403, str(error))


def _broken(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Tell the journal of a bug of ours, and the page nothing of it (S11)."""
    _log.error("%s failed", request.scope.get("path_template", "a request"), exc_info=error)
    return _page(request, 500, "This is a fault of the console: tell whoever runs it. Its log says more")


def _page(
    _request: Request[Any, Any, Any], status: int, detail: str, headers: dict[str, str] | None = None
) -> Response[Any]:
    context = {"status_code": status, "detail": detail}
    return Template("error.html", context=context, status_code=status, headers=headers)
