"""Drivers that break, adapters that are pulled, junk by the thousand: a call beside them is not held up."""
