"""Pretends. Homes, devices, residents, faults, fleets."""
