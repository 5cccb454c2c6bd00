"""Reconciliation: the differences that are open, and its runs."""
