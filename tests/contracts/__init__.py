"""What every payment provider owes, whichever it is."""
