"""Comparing the provider, the database and the workflows, and healing what differs."""
