"""Ids of mails."""

from uuid import UUID, uuid5

from domain.notifications.mail_types import Mail


def mail_id(subscription: str, mail: Mail) -> UUID:
    """The mail's id: the same however often the step is written."""
    return uuid5(UUID(subscription), mail.key)
