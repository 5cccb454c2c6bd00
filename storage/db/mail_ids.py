"""Ids of mails."""

from uuid import UUID, uuid5

from domain.notifications.mail_types import Mail


def mail_id(subscription: str, mail: Mail) -> UUID:
    """The id of a mail: the same however often the step is written."""
    return uuid5(UUID(subscription), mail.key)
