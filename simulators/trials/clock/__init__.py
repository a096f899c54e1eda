"""Clocks that jump, that nobody set, that stood still: no deadline moves, no alarm stays at home."""
