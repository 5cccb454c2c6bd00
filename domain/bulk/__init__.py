"""Bulk: one command for every subscription that a filter finds, worked off row by row."""
