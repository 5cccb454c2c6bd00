"""A mail of a subscription: what has become of it, and what it says."""

from typing import Final

from fastapi import APIRouter, HTTPException, Response

from api.console.sessions import ConsoleRoute, WithVisit
from api.console.subscription import account_of
from api.console.subscriptions import PATH
from api.console.visits import Visit
from domain.notifications.mail_types import IncompleteMail, Rendered
from storage.subscriptions.sent_mails import SentMail

MAILS: Final = "/{subscription_id}/mails/{mail_id}"

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)


@router.get(MAILS)
async def show(subscription_id: str, mail_id: str, visit: WithVisit) -> Response:
    account = await account_of(visit, subscription_id)
    assert account.subscription is not None  # noqa: S101 - account_of
    id_ = account.subscription.id
    found = await visit.repositories.sent_mails.get(visit.tenant, id_, mail_id)
    if found is None:
        raise HTTPException(404)
    written = _written(visit, found)
    return visit.page("mail.html", account=account, found=found, written=written, back=visit.at(f"{PATH}/{id_}"))


def _written(visit: Visit, found: SentMail) -> Rendered | None:
    """Return the mail as its recipient reads it; None if it cannot be shown any more."""
    read = visit.dependencies.read_mail
    if read is None or not found.mail.facts:
        return None
    try:
        return read(found.mail)
    except IncompleteMail:
        return None
