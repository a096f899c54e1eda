"""Who may use the centre: its staff, how they prove who they are, and what people in homes have consented to."""
