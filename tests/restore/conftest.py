"""A database without a stack, for the scripts alone."""

from tests.harness.postgres import database_url, databases, empty_url

__all__ = ["database_url", "databases", "empty_url"]
