"""Compares the provider, the database and the workflows, and heals what differs."""
