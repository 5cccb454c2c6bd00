"""The product that mails are from, as customers see it."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from domain.errors import Malformed
from domain.text import one_line

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
