"""Sends events to the addresses of products."""
