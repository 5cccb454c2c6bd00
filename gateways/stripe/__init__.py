"""Stripe behind our ports."""
