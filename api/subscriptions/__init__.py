"""Subscriptions over HTTP: creating, reading and controlling them."""
