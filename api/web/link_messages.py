"""What the pages behind links in mails say when a link opens nothing."""

from collections.abc import Mapping
from typing import Final

from api.web.pages import PageMessage
from localization.languages import sentence

SEND_A_LINK: Final = sentence("Have a link sent to you")
MAIL_LINK_MESSAGES: Final[Mapping[str, PageMessage]] = {
    "bad_link": PageMessage(
        sentence("This link is not complete"),
        sentence("Please open it from the mail again: it must not be cut short."),
        404,
    ),
    "link_expired": PageMessage(
        sentence("This link has expired"),
        sentence("Please open the link in our latest mail, or ask our support for a new one."),
        410,
    ),
    "link_replaced": PageMessage(
        sentence("This link was replaced"),
        sentence("Please open the link in our latest mail, or ask our support for a new one."),
        410,
    ),
}
"""By the code of the refusal."""
