"""Bulk: one command for every subscription of a list."""
