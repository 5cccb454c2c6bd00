"""Temporal workflows: the order of events and the timers. All code in here replays."""
