"""Acts. The daemon: clock, store, uplink, local outputs, wiring."""
