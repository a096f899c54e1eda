"""`hearthline doctor`: everything an installer could get wrong, each with a plain finding and a remedy."""
