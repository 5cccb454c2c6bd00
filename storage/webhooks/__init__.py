"""The webhook inbox, and the index that routes the provider's events."""
