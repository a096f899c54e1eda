"""A year of reminders, in zones whose clocks change, with a hub that is killed, set and replanned a hundred times."""
