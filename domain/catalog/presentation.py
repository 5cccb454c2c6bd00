"""How pages show a catalog: in which order and groups, and in which words.

It grants nothing and costs nothing. So it is not published with the catalog: whatever the file says when the API
starts is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from domain.catalog.features import Value
from domain.catalog.plans import Catalog

OWN_LANGUAGE: Final = "en"
"""The language in which catalogs are written, and which stands in for what another one lacks."""


@dataclass(frozen=True)
class Question:
    """A question that customers ask, and its answer."""

    question: str
    answer: str


@dataclass(frozen=True)
class Words:
    """The words for one part of a catalog; what is empty falls back."""

    name: str = ""
    description: str = ""
    cta: str = ""
    help: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    """By value of a level or set."""

    def or_else(self, other: "Words") -> "Words":
        """Returns the same words, and the other ones for those that are empty."""
        return Words(
            self.name or other.name,
            self.description or other.description,
            self.cta or other.cta,
            self.help or other.help,
            {**other.values, **self.values},
        )


@dataclass(frozen=True)
class Wording:
    """A catalog in the words of one language."""

    plans: Mapping[str, Words] = field(default_factory=dict)
    features: Mapping[str, Words] = field(default_factory=dict)
    add_ons: Mapping[str, Words] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class ShownPlan:
    """A plan on pages. One with a `contact_url` is agreed on in person: it has no price, and nobody signs up for it."""

    code: str
    entitlements: Mapping[str, Value]
    is_highlighted: bool = False
    contact_url: str = ""


@dataclass(frozen=True)
class Presentation:
    """How pages show a catalog."""

    plans: tuple[ShownPlan, ...]
    """Without those that are hidden, in the order of the file."""
    groups: tuple[str, ...] = ()
    """Names of groups of features, in order."""
    group_of: Mapping[str, str] = field(default_factory=dict)
    """By feature; without an entry it is in no group."""
    wordings: Mapping[str, Wording] = field(default_factory=dict)
    """By language code. That of `OWN_LANGUAGE` names whatever the catalog names, the others what they translate."""

    @classmethod
    def of(cls, catalog: Catalog) -> "Presentation":
        """Returns how a catalog is shown of which nothing more is known."""
        plans = {code: Words(plan.name, plan.description) for code, plan in catalog.plans.items()}
        own = Wording(
            plans,
            {code: Words(feature.name) for code, feature in catalog.features.items()},
            {code: Words(add_on.name) for code, add_on in catalog.add_ons.items()},
        )
        shown = (ShownPlan(plan.code, plan.entitlements) for plan in catalog.for_sale)
        return cls(tuple(shown), wordings={OWN_LANGUAGE: own})

    def in_language(self, code: str) -> "WordsInLanguage":
        """Returns the words of a language, with those of the catalog's own for what it lacks."""
        own = self.wordings[OWN_LANGUAGE]
        return WordsInLanguage(self.wordings.get(code, own), own)


@dataclass(frozen=True)
class WordsInLanguage:
    """The words of one language, with those of the catalog's own for what it lacks."""

    _wording: Wording
    _own: Wording

    @property
    def questions(self) -> tuple[Question, ...]:
        return self._wording.questions or self._own.questions

    def plan(self, code: str) -> Words:
        return _first(self._wording.plans.get(code), self._own.plans.get(code), code)

    def feature(self, code: str) -> Words:
        return _first(self._wording.features.get(code), self._own.features.get(code), code)

    def add_on(self, code: str) -> Words:
        return _first(self._wording.add_ons.get(code), self._own.add_ons.get(code), code)

    def group(self, name: str) -> str:
        return self._wording.groups.get(name) or name


def _first(words: Words | None, own: Words | None, code: str) -> Words:
    return (words or Words()).or_else(own or Words()).or_else(Words(code))
