"""The logo in mails: it is part of the mail, so that opening a mail loads nothing."""

from pathlib import Path
from typing import Final

from domain.notifications.mail_types import InlineImage

LOGO_CONTENT_ID: Final = "logo@mail.invalid"
LOGO_ADDRESS: Final = f"cid:{LOGO_CONTENT_ID}"
SUBTYPES: Final = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg"}
"""By the file's ending: the kinds of images that all mail clients show."""


def logo_of(file: Path | None) -> InlineImage | None:
    """Returns the logo for mails; None if there is none, or if it is of a kind that some mail clients do not show."""
    if file is None or file.suffix.lower() not in SUBTYPES:
        return None
    return InlineImage(file.read_bytes(), SUBTYPES[file.suffix.lower()], LOGO_CONTENT_ID)
