"""The links of a mail, as facts for its template."""

from collections.abc import Callable, Mapping
from typing import Final

from domain.billing_flows import BillingFlow
from domain.notifications.mail_links import GOOD_FOR, MailLink, mail_link_url
from domain.notifications.mail_types import Occasion
from domain.notifications.one_time_links import enter_url, mailed_tokens, sign_in_url
from domain.notifications.ports import MailToSend
from domain.signing import SigningSecrets

FLOW_OF_FACT: Final[Mapping[str, BillingFlow]] = {
    "card_url": BillingFlow.PAYMENT_METHOD,
    "pay_url": BillingFlow.PAY,
    "cancel_url": BillingFlow.CANCEL,
    "undo_cancel_url": BillingFlow.UNDO_CANCEL,
    "resume_url": BillingFlow.RESUME,
    "withdraw_change_url": BillingFlow.WITHDRAW_CHANGE,
    "billing_url": BillingFlow.OVERVIEW,
    "buy_url": BillingFlow.BUY,
    "change_plan_url": BillingFlow.CHANGE_PLAN,
}
"""By fact: the page that its link opens."""

LinksOfMail = Callable[[MailToSend], dict[str, str]]


def links_of_mails(public_url: str, secrets: SigningSecrets) -> LinksOfMail:
    """Returns what makes the links of a mail, all of them signed with the first of *secrets*."""

    def links(mail: MailToSend) -> dict[str, str]:
        if mail.occasion is Occasion.BILLING_LINK:
            return {"enter_url": enter_url(public_url, mailed_tokens(secrets, mail.id)[0])}
        if mail.occasion is Occasion.OPERATOR_SIGN_IN:
            return {"enter_url": sign_in_url(public_url, mailed_tokens(secrets, mail.id)[0])}
        if mail.occasion is Occasion.ENDPOINT_DISABLED:
            return {"enter_url": f"{public_url.rstrip('/')}/console"}
        until = mail.at + GOOD_FOR
        made = {
            fact: MailLink(mail.subscription, flow, mail.occasion, mail.link_generation, until)
            for fact, flow in FLOW_OF_FACT.items()
        }
        return {fact: mail_link_url(public_url, link, secrets) for fact, link in made.items()}

    return links
