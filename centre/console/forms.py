"""What the forms of staff's own pages have in common: their data, and a page shown again with what was wrong."""

from typing import Annotated, Any

from litestar import Request
from litestar.datastructures import Cookie
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Template

from centre.console import security
from centre.staff.door import NotYouError, RefusedError, TooManyError
from centre.staff.links import GoneError
from centre.staff.passwords import BusyError
from centre.staff.values import StaffError

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]

_STATUS: dict[type[StaffError], int] = {
    BusyError: 503,
    GoneError: 410,
    NotYouError: 403,
    RefusedError: 403,
    TooManyError: 429,
}


def again(template: str, error: StaffError, **context: object) -> Template:
    """Show a page again with what was wrong."""
    headers = {"retry-after": str(error.wait_s)} if isinstance(error, TooManyError) else None
    status = _STATUS.get(type(error), 422)
    return Template(template, context={**context, "problem_text": str(error)}, status_code=status, headers=headers)


def same(password: str, again: str) -> str:
    """Give a new password that was typed twice. Raises StaffError."""
    if password != again:
        raise StaffError("The two new passwords are not the same: type them once more")
    return password


def browser_of(request: Request[Any, Any, Any]) -> str:
    """Say which browser it is, in its own words."""
    return request.headers.get("user-agent", "")


def address_of(request: Request[Any, Any, Any]) -> str:
    """Give the address it comes from."""
    return request.client.host if request.client else ""


def base_of(request: Request[Any, Any, Any]) -> str:
    """Give the console's own address, as this browser calls it."""
    return f"{request.url.scheme}://{request.headers.get('host', '')}"


DESK_COOKIE_S = 180 * 86_400


def desk_cookie(request: Request[Any, Any, Any], value: str) -> Cookie:
    """Let a browser be known: one of the staff has proved themselves by it."""
    return security.cookie(request, "desk", value, max_age_s=DESK_COOKIE_S)
