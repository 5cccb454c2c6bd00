"""Customers' entitlements: grants, limits, usage, and what to suggest when a limit is reached."""
