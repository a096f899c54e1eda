"""Installs. The command line, identity, pairing, checks."""
