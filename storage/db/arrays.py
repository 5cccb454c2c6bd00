"""Passes many values in one parameter, so that the statement stays the same however many there are."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, bindparam, cast


def texts(values: Iterable[str]) -> ColumnElement[Any]:
    """An array of texts, in order."""
    return cast(bindparam(None, list(values), type_=ARRAY(Text)), ARRAY(Text))
