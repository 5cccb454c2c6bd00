"""The Temporal Schedules."""
