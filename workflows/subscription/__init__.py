"""One subscription's workflow: its plot, its commands, and the steps that both take."""
