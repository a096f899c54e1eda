"""Breaks the real hub in every way we know, and counts what was kept: the proof behind docs/no-loss.md."""
