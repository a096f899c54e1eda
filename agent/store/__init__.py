"""Remembers: journal, house and outbox, committed in one transaction before anything is done about them (S1)."""
