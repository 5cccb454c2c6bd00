"""Subscriptions and their customers in PostgreSQL: written with each step, and read by the API."""
