"""Forged, replayed, misaddressed, stale: what nobody meant changes nothing, and is counted."""
