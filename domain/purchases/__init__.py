"""Purchases on a hosted page: kept until they have begun, are undone, or expire."""
