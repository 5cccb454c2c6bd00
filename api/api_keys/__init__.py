"""API keys, for admins."""
