"""Ids, keys and marks that are worked out: what each is for one example.

Each is compared with what was kept, sent or handed out before: whatever goes into it, in whichever order, stays.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from activities.wallets import open_wallet
from api.http.idempotency import fingerprint
from api.payment_pages import card_pages
from api.subscriptions import sign_up
from api.subscriptions.requests import CreateSubscriptionRequest
from domain.billing_flows import BillingFlow
from domain.customers import Contact
from domain.entitlements.usage_mails import Crossing
from domain.notifications.mail_links import MailLink
from domain.notifications.mail_types import Occasion, message_id_for
from domain.notifications.one_time_links import mailed_tokens
from domain.notifications.pay_links import PayLink
from domain.provider.identifiers import key_after_refusals
from domain.provider.overage_usage import report_key
from domain.provider.payments import Wallet
from domain.provider.ports import Wallets
from domain.signing import SigningSecrets
from domain.subscription.command_keys import hashed
from domain.subscription.mails import mail
from domain.subscription.policy import TrialMark
from domain.subscription.ports import Records
from gateways.stripe.catalog_prices import offers
from storage.access import api_keys
from storage.db.codec import mail_id
from storage.subscriptions.trials import TrialKey
from tenure.cli.take_over import subscription_id_of
from tests.builders import a_trial
from tests.contracts.provider import CATALOG, contact

ID = "6b8f0c6e-3a53-4f8c-9a0e-0d8c5f1e2a31"
SECRET = "a secret of nobody's"
AT = datetime(2026, 11, 5, 9, 30, tzinfo=UTC)


def found() -> dict[str, Any]:
    letter = mail(a_trial(), Occasion.TRIAL_ENDING, AT, occasion_key="2026-12-05T00:00:00Z/3")
    return {
        "subscription that signs up": _signed_up(),
        "subscription that is adopted": [subscription_id_of("sub_1"), subscription_id_of("sub_1", 2)],
        "mail": [letter.key, str(mail_id(ID, letter))],
        "mail about usage": Crossing("runs", AT, 80, 1000, 800, "pro", "shop_v1", AT).key,
        "Message-ID": message_id_for(ID, "Shop <billing@shop.example>"),
        "pay link": PayLink(ID, 2, AT).token(SigningSecrets.of(SECRET)),
        "link in a mail": MailLink(ID, BillingFlow.CANCEL, Occasion.RECEIPT, 2, AT).token(SigningSecrets.of(SECRET)),
        "one-time link in a mail": mailed_tokens(SigningSecrets.of(SECRET), ID)[0],
        "pay page": card_pages._digest("cus_1", "https://shop.example/done", "https://shop.example/back"),
        "command": hashed("my key"),
        "request": fingerprint("POST", "/v1/subscriptions", b'{"plan": "pro", "a": 1}'),
        "API key": api_keys.key_hash("tenure_x"),
        "trial": {mark.value: TrialKey(SECRET).digest("default", mark, "ada@example.com") for mark in TrialMark},
        "report of use": report_key("default", "upload-1"),
        "wallet": asyncio.run(_wallet_key()),
        "try after two refusals": key_after_refusals("s/charge/1", 2),
        "prices": {
            each.lookup_key: {"product": each.product, "event name": each.event_name} for each in offers(CATALOG)
        },
    }


def _signed_up() -> str:
    """The id of whoever signs up: by their key and all that they ask for."""
    desk = SimpleNamespace(caller=SimpleNamespace(tenant="default"), sign_up_key="key-1")
    customer = {"external_id": "ada", "email": "ada@example.com"}
    return sign_up.id_of(
        cast("Any", desk), CreateSubscriptionRequest.model_validate({"customer": customer, "plan": "pro"})
    )


async def _wallet_key() -> str:
    """Under which key a customer is made known to the provider, whoever asks for it."""
    used: list[str] = []

    async def open_(_contact: Contact, _card: str | None, *, key: str, **_: object) -> Wallet:
        used.append(key)
        return Wallet("cus_1", None)

    async def known(_customer: str) -> Contact:
        return replace(contact(), customer=ID)

    async def remember(_customer: str, reference: str, _signing_up: str) -> str:
        return reference

    wallets = cast("Wallets", SimpleNamespace(open_wallet=open_))
    records = cast("Records", SimpleNamespace(contact=known, remember_wallet=remember))
    await open_wallet(wallets, records, ID, "pm_card_visa", key="of the command")
    return used[0]
