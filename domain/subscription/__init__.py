"""One subscription: its state, its lifecycle, and the rules for each step."""
