"""Which version of this software a hub says it is enrolled, renewed or ended by."""

from importlib.metadata import PackageNotFoundError, version


def software() -> str:
    """Give the version, in the 40 characters that a request has for it."""
    try:
        return version("hearthline")[:40]
    except PackageNotFoundError:
        return "unpackaged"
