"""Who did what by hand: a list that only grows."""
