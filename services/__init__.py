"""Ordinary async code that calls Temporal as a client. Nothing in here replays."""
