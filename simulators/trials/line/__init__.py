"""Lines that lie, hang, flap or pack: noticed in time, and never a delay at home."""
