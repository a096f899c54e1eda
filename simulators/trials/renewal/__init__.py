"""Certificates and keys that change while the home lives: no alarm is lost, and what fails is told and mends itself."""
