"""`hearthline report`: the commissioning report, of what was installed, what was tested, and what does not work."""
