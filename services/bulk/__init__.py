"""Bulk runs through Temporal: their workflows, and the commands of their rows."""
