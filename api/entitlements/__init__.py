"""Entitlements over HTTP: checks and consumption."""
