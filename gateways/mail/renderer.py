"""Renders mails: from an occasion and its facts to subject, text and HTML."""

import re
from collections.abc import Mapping

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined

from domain.brand import Brand
from domain.errors import Malformed
from domain.formatting import one_line
from domain.notifications.mail_types import (
    Occasion,
    Recipient,
    Rendered,
)
from domain.notifications.tones import of_mail
from gateways.mail.greetings import greeting_name
from gateways.mail.template_context import OWN_LINKS, View, view_of
from localization.formats import Formats
from localization.languages import Language, language_for, languages

SUBJECT_LIMIT = 150


class MailRenderer:
    """Renders the mails of one brand from `templates/mail/<occasion>.jinja`, in every available language."""

    def __init__(self, brand: Brand, logo: str = "") -> None:
        """*logo* is the address of the image in place of the brand's name; empty: the name is shown."""
        if not brand.support_email:
            raise Malformed("mails say where to ask for help: give an address", field="support_email")
        self._brand = brand
        self._logo = logo
        self._templates = {
            (code, kind): _environment(language, is_html=kind == "html")
            for code, language in languages().items()
            for kind in ("txt", "html")
        }
        self._inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)

    def render(self, occasion: Occasion, facts: Mapping[str, str], recipient: Recipient) -> Rendered:
        """Renders a mail in its reader's language, formats and time zone.

        Raises:
            IncompleteMail: a required fact is missing, or a fact is invalid; the message names it.
        """
        language = language_for(recipient.locale)
        formats = Formats.of(recipient.locale, recipient.timezone, language.code)
        view = view_of(occasion, facts, formats, language.words)
        view["name"] = greeting_name(recipient.name)
        view["buyer"] = view["name"] or one_line(recipient.email)
        view["tone"] = of_mail(occasion, facts)
        view |= {name: view[name] or self._brand.home for name in OWN_LINKS}
        subject = one_line(self._write(occasion, language, "_subject.txt", view), SUBJECT_LIMIT)
        text = _tidy(self._write(occasion, language, "_layout.txt", view))
        html = self._write(occasion, language, "_layout.html", view | {"subject": subject})
        return Rendered(subject, text, self._inliner.inline(html))

    def _write(self, occasion: Occasion, language: Language, layout: str, view: View) -> str:
        kind = layout.rpartition(".")[2]
        template = self._templates[language.code, kind].get_template(f"{occasion}.jinja")
        return template.render(
            view, brand=self._brand, logo=self._logo, language=language, layout=layout, parts=f"_parts.{kind}"
        )


def _environment(language: Language, *, is_html: bool) -> Environment:
    """Returns the templates in one language. Each sentence is written once, for text and HTML alike."""
    environment = Environment(
        loader=PackageLoader("templates", "mail"),
        autoescape=is_html,  # noqa: S701 - the other one writes plain text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Templates come with the release: no mail has to look whether their files have changed.
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(language.words, newstyle=True)  # type: ignore[attr-defined]
    return environment


def _tidy(text: str) -> str:
    """Removes what template logic leaves behind: trailing spaces and runs of empty lines."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"
