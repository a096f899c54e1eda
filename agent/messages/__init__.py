"""Messages from family and centre: opened, kept for their owner's eyes alone, and gone when they are heard (S11)."""
