"""What pages say about a catalog: files beside it, one for each language.

Of `social.yaml` they are `social.pages.en.yaml`, `social.pages.de.yaml` and so on. All are optional.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from configuration.catalog_entries import CatalogEntry
from configuration.catalog_file import read_catalog, values_of
from configuration.catalog_kinds import ButtonText, Code, Name, Text
from configuration.validation import Strict, check
from configuration.yaml_source import ConfigurationError, Place, Problem, read
from domain.catalog.presentation import OWN_LANGUAGE, Presentation, Question, ShownPlan, Wording, Words
from domain.did_you_mean import did_you_mean
from localization.languages import languages

MAX_QUESTIONS = 30


class PlanWords(Strict):
    """A plan in words."""

    name: Name = ""
    description: Text = ""
    cta: ButtonText | None = None


class FeatureWords(Strict):
    """A feature in words."""

    name: Name = ""
    help: Text = ""
    values: dict[str, Name] = Field(default_factory=dict)


class AddOnWords(Strict):
    """An add-on in words."""

    name: Name


class QuestionEntry(Strict):
    """A question that customers ask."""

    question: Annotated[str, StringConstraints(min_length=1, max_length=150, strip_whitespace=True)]
    answer: Annotated[str, StringConstraints(min_length=1, max_length=1000, strip_whitespace=True)]


class PagesFile(Strict):
    """The words of one language, and the questions and answers of the pricing page."""

    plans: dict[Code, PlanWords] = Field(default_factory=dict)
    features: dict[Code, FeatureWords] = Field(default_factory=dict)
    add_ons: dict[Code, AddOnWords] = Field(default_factory=dict)
    groups: dict[Name, Name] = Field(default_factory=dict)
    faq: Annotated[list[QuestionEntry], Field(max_length=MAX_QUESTIONS)] = Field(default_factory=list)


def load_presentation(catalog: Path) -> Presentation:
    """Read how pages show a catalog: from its own file and those beside it.

    Raises:
        ConfigurationError: one of the files is invalid; the message has one line per error.
    """
    entry = read_catalog(catalog)
    given = {code: _read(file, entry) for code, file in _files(catalog)}
    wordings = {code: _wording(file) for code, file in given.items()}
    wordings[OWN_LANGUAGE] = _with_names(entry, wordings.get(OWN_LANGUAGE, Wording()))
    return Presentation(
        tuple(_plans(entry)),
        tuple(entry.pages.groups),
        {code: feature.group for code, feature in entry.features.items() if feature.group is not None},
        wordings,
    )


def _files(catalog: Path) -> Iterator[tuple[str, Path]]:
    beginning = f"{catalog.stem}.pages."
    for file in sorted(catalog.parent.glob(f"{beginning}*.yaml")):
        code = file.stem.removeprefix(beginning)
        if code not in languages():
            known = ", ".join(f"{beginning}{one}.yaml" for one in sorted(languages()))
            raise ConfigurationError(f"{file}:1: there are no pages in {code!r}; known files: {known}")
        yield code, file


def _read(file: Path, entry: CatalogEntry) -> PagesFile:
    source = read(file)
    found = check(source, PagesFile)
    if problems := list(_unknown(found, entry)):
        raise source.error(problems)
    return found


def _unknown(file: PagesFile, entry: CatalogEntry) -> Iterator[Problem]:
    """Find words for what the catalog does not have."""
    yield from _missing(("plans",), file.plans, entry.plans)
    yield from _missing(("features",), file.features, entry.features)
    yield from _missing(("add_ons",), file.add_ons, entry.add_ons)
    yield from _missing(("groups",), file.groups, entry.pages.groups)
    for code, feature in file.features.items():
        if code in entry.features:
            yield from _missing(("features", code, "values"), feature.values, entry.features[code].values or [])


def _missing(place: Place, named: Iterable[str], known: Iterable[str]) -> Iterator[Problem]:
    for one in named:
        if one not in known:
            yield Problem((*place, one), f"is not in the catalog; {did_you_mean(one, known)}", at_key=True)


def _plans(entry: CatalogEntry) -> Iterator[ShownPlan]:
    for code, plan in entry.plans.items():
        if not plan.hidden:
            yield ShownPlan(code, values_of(plan, entry), plan.highlight, plan.contact_url or "")


def _wording(file: PagesFile) -> Wording:
    return Wording(
        {code: Words(one.name, one.description, one.cta or "") for code, one in file.plans.items()},
        {code: Words(one.name, help=one.help, values=one.values) for code, one in file.features.items()},
        {code: Words(one.name) for code, one in file.add_ons.items()},
        file.groups,
        tuple(Question(one.question, one.answer) for one in file.faq),
    )


def _with_names(entry: CatalogEntry, given: Wording) -> Wording:
    """Return the words of the catalog's own language: those of its file, unless the file beside it has others."""
    return Wording(
        _over({c: Words(one.name, one.description, one.cta or "") for c, one in entry.plans.items()}, given.plans),
        _over({code: Words(one.name, help=one.help) for code, one in entry.features.items()}, given.features),
        _over({code: Words(one.name) for code, one in entry.add_ons.items()}, given.add_ons),
        given.groups,
        given.questions,
    )


def _over(own: Mapping[str, Words], given: Mapping[str, Words]) -> dict[str, Words]:
    return {code: given[code].or_else(words) if code in given else words for code, words in own.items()}
