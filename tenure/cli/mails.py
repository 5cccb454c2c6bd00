"""Commands about mails: `tenure mails preview`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from jinja2 import Environment, PackageLoader

from domain.brand import Brand
from domain.errors import Malformed
from domain.notifications.mail_types import Recipient, Rendered
from gateways.mail.logo import logo_of
from gateways.mail.renderer import MailRenderer
from gateways.mail.samples import samples
from localization.languages import languages
from tenure.cli.os_errors import writing

LONGEST_LOCALE: Final = 100

Written = dict[str, Rendered]


@dataclass(frozen=True)
class Scene:
    """The sample product and customer."""

    product: str = "Northwind"
    website: str = "https://app.northwind.example"
    support: str = "help@northwind.example"
    colour: str = "#0f766e"
    upgrade: str = "https://app.northwind.example/plans"
    address: str = "Northwind Ltd, 1 Harbour Road, Bristol BS1 4RW, United Kingdom"
    logo: Path | None = None
    """A .png or .jpg file; without one, the product's name is shown."""
    currency: str = "usd"
    customer: str = "Ada Lovelace"
    timezone: str = "Europe/Berlin"

    @property
    def brand(self) -> Brand:
        return Brand(
            self.product, self.website, self.support, self.colour, upgrade_url=self.upgrade, address=self.address
        )

    @property
    def logo_address(self) -> str:
        """The logo's address in a preview; empty without one.

        Raises:
            Malformed: the file cannot be shown in mails.
        """
        if self.logo is None:
            return ""
        try:
            is_image = self.logo.is_file() and logo_of(self.logo) is not None
        except OSError as error:
            raise Malformed(f"{self.logo} cannot be read: {error.strerror}", field="logo") from error
        if not is_image:
            raise Malformed(f"{self.logo} is no image for mails: give a .png or .jpg file", field="logo")
        return self.logo.resolve().as_uri()


def preview(
    folder: Path,
    *,
    language: Annotated[list[str] | None, Parameter(help="such as 'de'; can be repeated", negative="")] = None,
    locale: Annotated[list[str] | None, Parameter(help="such as 'de-AT'; can be repeated", negative="")] = None,
    scene: Annotated[Scene | None, Parameter(name="*")] = None,
) -> None:
    """Write every mail with sample data to a folder, as .html and .txt, with an index.html; needs no settings.

    All languages by default; or the given ones, or those that customers of the given locales would get.
    """
    scene = scene or Scene()
    written = {reader: dict(_mails(scene, reader)) for reader in _readers(language or [], locale or [])}
    with writing(folder, "name another folder"):
        for reader, mails in written.items():
            _write(folder / reader, mails)
        (folder / "index.html").write_text(_index(scene.brand, written), encoding="utf-8")
    print(f"{sum(map(len, written.values()))} mails: {folder / 'index.html'}")


def _readers(wanted: list[str], locales: list[str]) -> list[str]:
    for code in wanted:
        if code not in languages():
            raise Malformed(f"there are no mails in {code!r}, only in {', '.join(languages())}", field="language")
    for tag in locales:
        if len(tag) > LONGEST_LOCALE or not tag.replace("-", "").replace("_", "").isalnum():
            raise Malformed(f"{tag!r} is not a locale: write it as 'de-AT'", field="locale")
    return list(dict.fromkeys([*wanted, *locales])) or list(languages())


def _mails(scene: Scene, reader: str) -> Iterator[tuple[str, Rendered]]:
    renderer = MailRenderer(scene.brand, scene.logo_address)
    recipient = Recipient("customer@example.com", scene.customer, reader, scene.timezone)
    for sample in samples(scene.currency):
        yield sample.name, renderer.render(sample.occasion, sample.facts, recipient)


def _write(folder: Path, mails: Written) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, mail in mails.items():
        (folder / f"{name}.html").write_text(mail.html, encoding="utf-8")
        (folder / f"{name}.txt").write_text(f"Subject: {mail.subject}\n\n{mail.text}", encoding="utf-8")


def _index(brand: Brand, written: dict[str, Written]) -> str:
    page = Environment(loader=PackageLoader("templates", "mail"), autoescape=True, trim_blocks=True)
    return page.get_template("_preview.html").render(brand=brand, written=written)
