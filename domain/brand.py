"""The product that mails and pages are from."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from domain.colours import ink_on
from domain.errors import Malformed
from domain.formatting import one_line


@dataclass(frozen=True)
class Brand:
    """The product that mails and pages are from.

    Raises:
        Malformed: `field` names the invalid setting.
    """

    product_name: str
    public_url: str
    support_email: str = ""
    """Where customers write to when they need help. Mails need one; pages that have none do not offer it."""
    colour: str = "#0f766e"
    billing_url: str = ""
    """Where customers manage their subscription, if not at the public URL."""
    upgrade_url: str = ""
    """Where customers choose a larger plan. If empty, mails name the product without a link."""
    address: str = ""
    """The seller's name and postal address, on one line. If empty, mails name the product alone."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "product_name", one_line(self.product_name))  # used in subjects
        object.__setattr__(self, "address", one_line(self.address))
        if not self.product_name:
            raise Malformed("the product needs a name", field="product_name")
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.colour):
            raise Malformed(f"{self.colour!r} is not a colour: write six hex digits, such as '#0f766e'", field="colour")
        if self.support_email and not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", self.support_email):
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
        return ink_on(self.colour)

    @property
    def home(self) -> str:
        """The link of a mail that has no better one."""
        return self.billing_url or self.public_url
