"""The hub's own side of becoming one: enrolled, renewed, installed, and one day decommissioned."""
