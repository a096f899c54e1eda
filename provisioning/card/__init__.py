"""The card for the fridge: what this home's buttons and lights do, in pictures and large print, on one sheet of A4."""
