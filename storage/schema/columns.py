"""Columns that most tables share."""

from typing import Any

from sqlalchemy import CheckConstraint, Column, DateTime, Text


def tenant(*, primary_key: bool = False) -> "Column[str]":
    """Whose row it is. Never empty: an unset tenant reads as the empty string once a transaction has set one."""
    return Column(
        "tenant", Text, CheckConstraint("tenant <> ''", name="tenant"), primary_key=primary_key, nullable=False
    )


def claims() -> "tuple[Column[Any], ...]":
    """Who sends it, and until when nobody else may."""
    return (
        Column("claimed_by", Text, doc="the run that sends it"),
        Column("claimed_until", DateTime(timezone=True), doc="another run may send it from then on"),
    )
