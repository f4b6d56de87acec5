"""The officer's side: what waits, reading it, accepting it, returning it, more time."""
