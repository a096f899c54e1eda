"""What the centre does day and night: hears hubs, keeps, receipts, opens cases, watches for silence, and commands."""
