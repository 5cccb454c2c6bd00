"""The languages that mails are written in: English in the templates, every other one in a file of its own."""

import gettext
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from babel import Locale
from babel.messages import Catalog
from babel.messages.catalog import Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from gateways.mail.formats import locale_of

ENGLISH = "en"
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_NO_PLACEHOLDER = re.compile(r"%(?!\(\w+\)s|%)")


@dataclass(frozen=True)
class Language:
    """One language's words; what it lacks is said in English."""

    code: str
    """As its file is named: "de", "pt_BR"."""
    words: gettext.NullTranslations = field(default_factory=gettext.NullTranslations, repr=False)

    @property
    def tag(self) -> str:
        """As HTML names it: "pt-BR"."""
        return self.code.replace("_", "-")

    @property
    def direction(self) -> str:
        """Return ltr or rtl."""
        return Locale.parse(self.code).text_direction


@cache
def languages() -> Mapping[str, Language]:
    """Return every language by its code: English, and one for each file in `templates/mail/languages`."""
    known = {ENGLISH: Language(ENGLISH)}
    for file in sorted(language_files(), key=lambda file: file.name):
        code = file.name.removesuffix(".po")
        known[code] = Language(code, _translations(read_language(file)))
    return MappingProxyType(known)


def language_for(tag: str) -> Language:
    """Return the language for a customer's locale: "de-AT" reads German, one that nobody has written reads English."""
    locale = locale_of(tag)
    if locale is not None:
        for code in _codes(locale):
            if code in languages():
                return languages()[code]
    return languages()[ENGLISH]


def language_files() -> Iterator[Traversable]:
    """Yield the file of every language but English."""
    folder = files("templates") / "mail" / "languages"
    return (file for file in folder.iterdir() if file.name.endswith(".po"))


def read_language(file: Traversable) -> Catalog:
    """Return a language's file as it is.

    Raises:
        PoFileError: it is no such file.
    """
    with file.open("rb") as opened:
        return read_po(opened, locale=file.name.removesuffix(".po"), abort_invalid=True)


def misfits(message: Message) -> bool:
    """Tell whether a translation asks for facts that the English words do not have, or leaves one out."""
    asked = [set(PLACEHOLDER.findall(source)) for source in _texts(message.id)]
    needed, known = set.intersection(*asked) - {"num"}, set.union(*asked)
    return any(
        _NO_PLACEHOLDER.search(text.replace("%%", "")) or not needed <= set(PLACEHOLDER.findall(text)) <= known
        for text in _texts(message.string)
        if text
    )


def _texts(words: object) -> list[str]:
    """Return the singular and the plurals, or what there is instead of both; empty where it is not translated."""
    return [str(text or "") for text in (words if isinstance(words, (tuple, list)) else (words,))]


def _translations(catalog: Catalog) -> gettext.NullTranslations:
    for message in catalog:
        if message.id and misfits(message):
            message.string = ""  # English is better than a mail that cannot be written.
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _codes(locale: Locale) -> Iterator[str]:
    yield str(locale)
    for part in (locale.territory, locale.script):
        if part:
            yield f"{locale.language}_{part}"
    yield locale.language
