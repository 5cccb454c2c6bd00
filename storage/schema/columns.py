"""Columns that most tables share."""

from sqlalchemy import CheckConstraint, Column, Text


def tenant(*, primary_key: bool = False) -> "Column[str]":
    """Whose row it is. Never empty: an unset tenant reads as the empty string once a transaction has set one."""
    return Column(
        "tenant", Text, CheckConstraint("tenant <> ''", name="tenant"), primary_key=primary_key, nullable=False
    )
