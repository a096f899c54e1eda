"""Measures the hub beside the barest thing that could do its job, in the same run on the same machine."""
