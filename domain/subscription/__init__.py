"""One subscription: its state, its lifecycle, and the rule behind each step of it."""
