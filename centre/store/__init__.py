"""Remembers for the response centre: events, cases, their audit, and people's data, on SQLite or PostgreSQL."""
