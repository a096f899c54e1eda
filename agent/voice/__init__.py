"""The hub's voice: phrases in several languages, spoken by espeak-ng ahead of time, kept as sound on the disk."""
