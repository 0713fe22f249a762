"""Call records: what remains of a call when it is over."""
