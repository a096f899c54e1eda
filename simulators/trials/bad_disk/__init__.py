"""A disk that is full, stalled, read-only, corrupt: the sounds sound, the alarm goes, and the hub recovers."""
