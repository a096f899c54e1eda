"""Power cuts at every boundary of a day, with any part of what was not synced: what was promised is there."""
