"""A database for every test of reconciliation."""

from tests.storage.conftest import engine, ledger

__all__ = ["engine", "ledger"]
