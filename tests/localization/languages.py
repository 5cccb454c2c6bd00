"""Keeps the language files of mails and pages in step with the templates.

    python -m tests.localization.languages        updates every file and reports what is to be translated
    python -m tests.localization.languages fr     starts French

A sentence that has changed in English keeps its old translation, marked "fuzzy": until somebody has reviewed it, it
counts as untranslated.
"""

import sys
from functools import cache
from pathlib import Path

from babel.messages import Catalog
from babel.messages.catalog import Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import write_po

from localization.languages import breaks_placeholders, language_files, read_language

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "templates" / "languages"
WHERE_WORDS_ARE = [
    ("templates/mail/**", "jinja2"),
    ("templates/pages/**.html", "jinja2"),
    ("gateways/mail/template_context.py", "python"),
    ("localization/**.py", "python"),
    ("api/**.py", "python"),
]
KEYWORDS = DEFAULT_KEYWORDS | {"sentence": None}
HOW_TEMPLATES_READ = {
    "extensions": "jinja2.ext.i18n",
    "newstyle_gettext": "true",
    "trim_blocks": "true",
    "lstrip_blocks": "true",
    "silent": "false",
}

HEADER = r"""msgid ""
msgstr ""
"Language: {code}\n"
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: {plurals}\n"

"""


def english() -> Catalog:
    """Returns every sentence of mails and pages."""
    catalog = Catalog(project="tenure", charset="utf-8")
    for top in ("templates", "gateways", "localization", "api"):
        for file, _line, message, _comments, _context in extract_from_dir(
            ROOT / top,
            [
                (pattern.removeprefix(f"{top}/"), method)
                for pattern, method in WHERE_WORDS_ARE
                if pattern.startswith(top)
            ],
            {"mail/**": HOW_TEMPLATES_READ, "pages/**": HOW_TEMPLATES_READ},
            keywords=KEYWORDS,
        ):
            catalog.add(message, locations=[(f"{top}/{file}", 0)])
    return catalog


@cache
def sentences() -> tuple[Message, ...]:
    """Returns the same for whoever only reads them: the source is read once."""
    return tuple(english())


def gaps(catalog: Catalog) -> list[str]:
    """Names what a language lacks or gets wrong, sentence by sentence."""
    return [
        f"{problem}: {message.id!r}" for message in sentences() if message.id for problem in _wrong(catalog, message)
    ]


def _wrong(catalog: Catalog, source: Message) -> list[str]:
    message = catalog.get(source.id)
    if message is None:
        return ["missing"]
    words = [text or "" for text in (message.string if isinstance(message.string, tuple) else (message.string,))]
    found = {
        "not translated": not all(words) or (message.pluralizable and len(words) != catalog.num_plurals),
        "fuzzy": message.fuzzy,
        "asks for other facts": breaks_placeholders(message),
        "has markup": any("<" in text or "&" in text for text in words),
    }
    return [problem for problem, is_so in found.items() if is_so]


def renew(code: str) -> list[str]:
    """Rewrites one language's file and returns what is to be translated in it."""
    file = FOLDER / f"{code}.po"
    catalog = read_language(file) if file.exists() else Catalog(locale=code, project="tenure", charset="utf-8")
    catalog.update(english(), no_fuzzy_matching=False, update_creation_date=False)
    catalog.obsolete.clear()
    with file.open("wb") as opened:
        opened.write(HEADER.format(code=code, plurals=catalog.plural_forms).encode())
        write_po(opened, catalog, width=120, omit_header=True, sort_by_file=True, include_lineno=False)
    return gaps(catalog)


if __name__ == "__main__":
    codes = sys.argv[1:] or sorted(file.name.removesuffix(".po") for file in language_files())
    for language in codes:
        left = renew(language)
        sys.stdout.write("".join(f"{language}: {gap}\n" for gap in left) or f"{language}: complete\n")
