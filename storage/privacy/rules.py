"""What a rule of the registry says of a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import ColumnElement, Table

from storage.privacy.whose import (
    Subject,
)


class Redaction(StrEnum):
    """What `storage.privacy.erasure` does itself, since it is more than emptying a column."""

    REPLACED = "replaced"
    """By something that names nobody."""
    PURGED = "purged"
    """Of what is personal in it; the rest stays."""


@dataclass(frozen=True)
class Rule:
    """What an erasure does to a table."""

    table: Table
    kept: frozenset[str]
    """Columns that hold nothing personal: our own ids and codes, and ids at the payment provider."""
    emptied: Mapping[str, object] = field(default_factory=dict)
    """Columns that are set to these values."""
    redacted: Mapping[str, Redaction] = field(default_factory=dict)
    deleted: frozenset[str] = frozenset()
    """Personal columns of a table whose rows are deleted."""
    whose: Callable[[Subject], ColumnElement[bool]] | None = None
    """The rows of one customer; None: it has none of any customer's."""

    @property
    def columns(self) -> frozenset[str]:
        """All columns that the rule names."""
        return self.kept | self.emptied.keys() | self.redacted.keys() | self.deleted
