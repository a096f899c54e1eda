"""`hearthline plan`: care plans are checked, explained and given to a hub."""
