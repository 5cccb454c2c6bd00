"""Adopting subscriptions that were created elsewhere."""
