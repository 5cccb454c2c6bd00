"""Figures of the business over HTTP."""
