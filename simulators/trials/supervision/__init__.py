"""Every fault that supervision knows, made on the real hub, and how soon it must be raised and cleared."""
