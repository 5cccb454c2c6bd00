"""Turns an occasion and its facts into a mail: subject, text and HTML."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined

from domain.errors import Malformed
from domain.notifications.mail_types import Occasion, Recipient, Rendered
from gateways.mail.formats import Formats, one_line
from gateways.mail.greetings import greeting_name
from gateways.mail.languages import Language, language_for, languages
from gateways.mail.template_context import View, view_of

__all__ = ["Brand", "MailRenderer", "Recipient", "Rendered"]

SUBJECT_LIMIT = 150
DARKEST, LIGHTEST = "#111827", "#ffffff"


@dataclass(frozen=True)
class Brand:
    """The product that the mails are from.

    Raises:
        Malformed: `field` names the invalid setting.
    """

    product_name: str
    public_url: str
    support_email: str
    colour: str = "#0f766e"
    billing_url: str = ""
    """Where customers manage their subscription, if not at the public URL."""
    upgrade_url: str = ""
    """Where customers choose a larger plan. If empty, mails name the product without a link."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "product_name", one_line(self.product_name))  # used in subjects
        if not self.product_name:
            raise Malformed("the product needs a name", field="product_name")
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.colour):
            raise Malformed(f"{self.colour!r} is not a colour: write six hex digits, such as '#0f766e'", field="colour")
        if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", self.support_email):
            raise Malformed(f"{self.support_email!r} is not a mail address", field="support_email")
        given = {"public_url": self.public_url, "billing_url": self.billing_url, "upgrade_url": self.upgrade_url}
        for name, url in given.items():
            if not url and name != "public_url":
                continue
            if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
                raise Malformed(f"{url!r} is not a web address: start it with https://", field=name)

    @property
    def ink(self) -> str:
        """A text colour that is readable on the brand's colour."""
        red, green, blue = (int(self.colour[at : at + 2], 16) for at in (1, 3, 5))
        return DARKEST if (299 * red + 587 * green + 114 * blue) / 1000 > 150 else LIGHTEST

    @property
    def home(self) -> str:
        """The link of a mail that has no better one."""
        return self.billing_url or self.public_url


class MailRenderer:
    """Renders the mails of one brand from `templates/mail/<occasion>.jinja`, in every available language."""

    def __init__(self, brand: Brand) -> None:
        self._brand = brand
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
        view["link"] = view["action_url"] or view["billing_url"] or self._brand.home
        subject = one_line(self._write(occasion, language, "_subject.txt", view), SUBJECT_LIMIT)
        text = _tidy(self._write(occasion, language, "_layout.txt", view))
        html = self._write(occasion, language, "_layout.html", view | {"subject": subject})
        return Rendered(subject, text, self._inliner.inline(html))

    def _write(self, occasion: Occasion, language: Language, layout: str, view: View) -> str:
        kind = layout.rpartition(".")[2]
        template = self._templates[language.code, kind].get_template(f"{occasion}.jinja")
        return template.render(view, brand=self._brand, language=language, layout=layout, parts=f"_parts.{kind}")


def _environment(language: Language, *, is_html: bool) -> Environment:
    """Returns the templates in one language. Each sentence is written once, for text and HTML alike."""
    environment = Environment(
        loader=PackageLoader("templates", "mail"),
        autoescape=is_html,  # noqa: S701 - the other one writes plain text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(language.words, newstyle=True)  # type: ignore[attr-defined]
    return environment


def _tidy(text: str) -> str:
    """Removes what template logic leaves behind: trailing spaces and runs of empty lines."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"
