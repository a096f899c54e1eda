"""Text messages by a 4G modem: what a text says, how it is encoded, the dialogue with the modem, and who answers."""
