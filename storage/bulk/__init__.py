"""Bulk runs in PostgreSQL."""
