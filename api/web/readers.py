"""Who reads a page: in which language, and how dates and money are written for them."""

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import Request

from localization.formats import Formats
from localization.languages import ENGLISH, Language, is_known, language_for

LANGUAGE = "lang"
"""The query parameter by which a page is asked for in a language."""


@dataclass(frozen=True)
class Reader:
    """The reader of a page."""

    language: Language
    formats: Formats

    @classmethod
    def of(cls, locale: str, timezone: str = "UTC") -> "Reader":
        """Return the reader with a customer's locale and time zone, in English if there is no such language."""
        language = language_for(locale)
        return cls(language, Formats.of(locale, timezone, language.code))


def reader_of(request: Request, locale: str | None = None, timezone: str = "UTC") -> Reader:
    """Return the reader of a page: in the language it is asked for, else in *locale*, else as the browser prefers."""
    asked = request.query_params.get(LANGUAGE, "")
    if asked and is_known(asked):
        return Reader.of(asked, timezone)
    if locale:
        return Reader.of(locale, timezone)
    preferred = (tag for tag in _preferred(request.headers.get("Accept-Language", "")) if is_known(tag))
    return Reader.of(next(preferred, ENGLISH), timezone)


def _preferred(header: str) -> Iterator[str]:
    """Yield the languages of an Accept-Language header, those preferred most first."""
    weighed: list[tuple[float, str]] = []
    for part in header[:500].split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((float(weight or "1"), tag.strip()))
        except ValueError:
            continue
    yield from (tag for weight, tag in sorted(weighed, key=lambda one: -one[0]) if weight > 0)
