"""Ordinary asynchronous code that speaks to Temporal as a client. Nothing here is replayed."""
