"""Hands deliveries of events over to Temporal."""
