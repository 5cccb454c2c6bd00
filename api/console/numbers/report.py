"""What a report and its page are."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter

from api.console.numbers.charts import Drawing
from api.console.numbers.tables import Table
from api.console.visits import Visit
from api.metrics.reports import Reading

PATH: Final = "/console/numbers"


@dataclass(frozen=True)
class Report:
    """A report of periods, and its page."""

    name: str
    """As in the address of its endpoint."""
    title: str
    about: str
    """What it tells, in a sentence."""
    read: Callable[[Any, Reading, Visit], Awaitable[Any]]
    query: TypeAdapter[Any]
    fields: Sequence[str]
    """Of its form."""
    tables: Sequence[Table]
    drawing: Drawing | None
    rows_behind: Mapping[str, str]
    """The subscriptions that its figures are made of: what they are called, by the filter of their list."""
    nothing: str = "Nothing has been paid for in these periods."
    """What its page says if there is nothing in it."""
    groups: Sequence[str] = ("plan",)
    """By what its rows can be told apart."""

    @property
    def path(self) -> str:
        return PATH if self.name == "overview" else f"{PATH}/{self.name}"

    @property
    def path_of_file(self) -> str:
        return f"{PATH}/{self.name}.csv"
