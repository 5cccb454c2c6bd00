"""What is asked for by the form of a page: the same as of the report's own endpoint."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from api.web.wording import as_sentence
from domain.errors import Malformed

FIELDS: Final = ("from", "to", "interval", "plan", "billing_interval", "status", "currency", "feature", "group")
"""Of all forms, in their order."""
_WRONG: Final[Mapping[str, str]] = {
    "plan": "Choose a plan of the list.",
    "currency": "Choose a currency of the list.",
    "feature": "Choose a feature of the list.",
}
_NOT_LISTED: Final = "Choose one of the list."

Asked = TypeVar("Asked")


class WrongQueryError(Exception):
    """Something that is asked for cannot be read."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors
        """What is wrong, by field."""

    @classmethod
    def of(cls, error: Malformed) -> "WrongQueryError":
        return cls({error.field: as_sentence(error.message)})


def read_query(query: TypeAdapter[Asked], given: Mapping[str, str], form: Any) -> Asked:
    """Return the query of an endpoint from the fields of a form that say something.

    Raises:
        WrongQueryError: a field says nothing that the endpoint knows.
    """
    try:
        return query.validate_python({name: value for name, value in given.items() if value} | {"format": form})
    except ValidationError as error:
        fields = [str(one["loc"][0]) for one in error.errors()]
        raise WrongQueryError({field: _WRONG.get(field, _NOT_LISTED) for field in fields}) from error
