"""Renders pages from `templates/pages`, in every language, with the brand's name, colours and logo."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.web.assets import Assets
from api.web.csp import SAME_ORIGIN, security_headers
from api.web.readers import Reader
from domain.brand import Brand
from localization.languages import Language, languages


@dataclass(frozen=True)
class PageMessage:
    """A page that says one thing. Its sentences are marked with `sentence`, and translated when they are shown."""

    title: str
    text: str
    status: int = 200


class Pages:
    """The pages of one brand."""

    def __init__(self, brand: Brand, public_url: str, logo: Path | None = None) -> None:
        """*public_url* is where customers reach the API; it may have a path."""
        self.root = urlsplit(public_url).path.rstrip("/")
        self.assets = Assets(brand, logo, self.root)
        self._environments = {code: self._environment(language, brand) for code, language in languages().items()}

    def render(self, template: str, reader: Reader, **context: object) -> str:
        """Return the HTML of `templates/pages/<template>`."""
        environment = self._environments[reader.language.code]
        return environment.get_template(template).render(
            {"formats": reader.formats, "embedded": False, "read_only": False} | context
        )

    def sentences(self, template: str, reader: Reader, **context: object) -> Mapping[str, Callable[..., str]]:
        """Return the macros of `templates/pages/<template>` by their names. They return HTML."""
        known = self._environments[reader.language.code].get_template(template)
        module = known.make_module({"formats": reader.formats} | context)
        return {name: macro for name, macro in vars(module).items() if callable(macro)}

    def page(
        self,
        template: str,
        reader: Reader,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        embed_in: Sequence[str] = (),
        forms_lead_to: Sequence[str] = (),
        referrer: str = SAME_ORIGIN,
        **context: object,
    ) -> HTMLResponse:
        """Return a page that nobody may cache, with its security headers; see `security_headers`.

        Args:
            template: the file's name below `templates/pages`.
            reader: its language and formats.
            status: the HTTP status.
            headers: more headers, or others.
            embed_in: origins that may show the page in a frame.
            forms_lead_to: other origins to which a form of the page may be redirected.
            referrer: the referrer policy.
            **context: what the template shows.

        """
        html = self.render(template, reader, **context)
        fixed = security_headers(embed_in=embed_in, forms_lead_to=forms_lead_to, referrer=referrer)
        return HTMLResponse(html, status, {"Cache-Control": "no-store"} | fixed | dict(headers or {}))

    def message(
        self,
        message: PageMessage,
        reader: Reader,
        *,
        headers: Mapping[str, str] | None = None,
        embed_in: Sequence[str] = (),
        referrer: str = SAME_ORIGIN,
        action: str = "",
        action_url: str = "",
        reference: str = "",
    ) -> HTMLResponse:
        """Return a page with one message, and with a button *action* if it has an address.

        *reference* is what readers can name to the support.
        """
        words = reader.language.words
        return self.page(
            "message.html",
            reader,
            status=message.status,
            headers=headers,
            embed_in=embed_in,
            referrer=referrer,
            title=words.gettext(message.title),
            text=words.gettext(message.text),
            action=words.gettext(action) if action else "",
            action_url=action_url,
            reference=reference,
        )

    def _environment(self, language: Language, brand: Brand) -> Environment:
        environment = Environment(
            loader=PackageLoader("templates", "pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            extensions=["jinja2.ext.i18n"],
        )
        environment.install_gettext_translations(language.words, newstyle=True)  # type: ignore[attr-defined]
        environment.globals.update(
            brand=brand, language=language, asset=self.assets.address, has_logo=self.assets.has_logo, root=self.root
        )
        return environment


def add_pages(app: FastAPI, pages: Pages) -> None:
    """Give the application its pages."""
    app.state.pages, app.state.assets = pages, pages.assets


def pages_of(request: Request) -> Pages:
    pages = request.app.state.pages
    assert isinstance(pages, Pages)  # noqa: S101 - set by add_pages
    return pages


async def _pages(request: Request) -> Pages:
    return pages_of(request)


WithPages = Annotated[Pages, Depends(_pages)]
