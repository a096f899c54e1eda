"""How many examples a property is tried with: as many as `make test` has time for, or fifty times as many."""

from hypothesis import settings

THOROUGH = 50


def examples(usual: int) -> int:
    """Give how many there are to be: `make test ARGS="--hypothesis-profile=thorough -k PROPERTY"` takes its time."""
    return usual * THOROUGH if settings.get_current_profile_name() == "thorough" else usual
