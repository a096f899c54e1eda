"""`hearthline demo`: a home, its hub and a response centre on one machine, to try by hand or to watch as a scenario."""
