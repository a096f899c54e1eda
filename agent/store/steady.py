"""When to tell of trouble and of its end: of trouble at once, of its end only when it stays away. Pure."""

STEADY_S = 60.0
"""A disk must be well for so long before it is told to be: a card that stalls every few seconds is one fault."""


class Steady:
    """Trouble as it is told. `now` is in seconds on any clock that never goes back."""

    def __init__(self, steady_s: float = STEADY_S) -> None:
        """Begin well."""
        self._steady_s = steady_s
        self._well_since: float | None = None
        self.troubled = False
        """What was last told."""

    def trouble(self) -> bool:
        """Take note of trouble; True when it must be told."""
        first = not self.troubled
        self.troubled, self._well_since = True, None
        return first

    def well(self, now: float) -> None:
        """Take note that all is well just now."""
        if self.troubled and self._well_since is None:
            self._well_since = now

    @property
    def due(self) -> float | None:
        """When the end of the trouble may be told; None while there is nothing to tell."""
        return None if self._well_since is None else self._well_since + self._steady_s

    def over(self, now: float) -> bool:
        """Whether the trouble is over, which must then be told."""
        if self.due is None or now < self.due:
            return False
        self.troubled, self._well_since = False, None
        return True
