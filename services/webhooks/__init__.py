"""Delivering the provider's events to the workflows that they concern."""
