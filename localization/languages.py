"""The languages of mails and pages: English in the templates, every other one in its own file."""

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

from localization.formats import locale_of

ENGLISH = "en"
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_NO_PLACEHOLDER = re.compile(r"%(?!\(\w+\)s|%)")


@dataclass(frozen=True)
class Language:
    """The texts of one language. Falls back to English for missing texts."""

    code: str
    """As its file is named: "de", "pt_BR"."""
    words: gettext.NullTranslations = field(default_factory=gettext.NullTranslations, repr=False)

    @property
    def tag(self) -> str:
        """As HTML names it: "pt-BR"."""
        return self.code.replace("_", "-")

    @property
    def direction(self) -> str:
        """Returns ltr or rtl."""
        return Locale.parse(self.code).text_direction


@cache
def languages() -> Mapping[str, Language]:
    """Returns every language by its code: English, and one for each file in `templates/languages`."""
    known = {ENGLISH: Language(ENGLISH)}
    for file in sorted(language_files(), key=lambda file: file.name):
        code = file.name.removesuffix(".po")
        known[code] = Language(code, _translations(read_language(file)))
    return MappingProxyType(known)


def language_for(tag: str) -> Language:
    """Returns the language for a customer's locale: German for "de-AT", English for a language without a file."""
    locale = locale_of(tag)
    if locale is not None:
        for code in _codes(locale):
            if code in languages():
                return languages()[code]
    return languages()[ENGLISH]


def is_known(tag: str) -> bool:
    """True if there is a language for a locale, so that its readers need not fall back to English."""
    locale = locale_of(tag)
    return locale is not None and (locale.language == ENGLISH or any(code in languages() for code in _codes(locale)))


def language_names() -> Mapping[str, str]:
    """Returns what each language calls itself, by the tag that HTML has for it."""
    return {
        one.tag: str(Locale.parse(one.code).get_display_name() or one.tag).capitalize() for one in languages().values()
    }


def language_files() -> Iterator[Traversable]:
    """Yields the file of every language except English."""
    folder = files("templates") / "languages"
    return (file for file in folder.iterdir() if file.name.endswith(".po"))


def read_language(file: Traversable) -> Catalog:
    """Returns the content of a language file.

    Raises:
        PoFileError: it is not a valid file.
    """
    with file.open("rb") as opened:
        return read_po(opened, locale=file.name.removesuffix(".po"), abort_invalid=True)


def breaks_placeholders(message: Message) -> bool:
    """True if a translation uses a placeholder that the English text lacks, or omits one."""
    asked = [set(PLACEHOLDER.findall(source)) for source in _texts(message.id)]
    needed, known = set.intersection(*asked) - {"num"}, set.union(*asked)
    return any(
        _NO_PLACEHOLDER.search(text.replace("%%", "")) or not needed <= set(PLACEHOLDER.findall(text)) <= known
        for text in _texts(message.string)
        if text
    )


def _texts(words: object) -> list[str]:
    """Returns the singular and the plurals, or the only text; an empty one if it is not translated."""
    return [str(text or "") for text in (words if isinstance(words, (tuple, list)) else (words,))]


def _translations(catalog: Catalog) -> gettext.NullTranslations:
    for message in catalog:
        if message.id and breaks_placeholders(message):
            message.string = ""  # English is better than what cannot be rendered.
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


def sentence(text: str) -> str:
    """Marks a sentence for translation, and returns it as it is: it is translated where it is shown."""
    return text
