"""A SaaS product that uses Tenure: sign-ups and commands over HTTP, and in the sandbox also time and cards."""

from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from sandbox.stack import Addresses

PATIENCE = 600.0
"""In seconds; a long travel has many steps."""
UNFINISHED = ("outcome_unknown", "still_working")
REPEATS = 20
"""Repeats of a request that is still in progress; each has waited half a minute by then."""


class RefusedError(Exception):
    """Tenure refused the request."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')}")
        self.status = status
        self.problem = problem


class Product:
    """A client of the API and of the sandbox's controls."""

    def __init__(self, addresses: Addresses) -> None:
        self.addresses = addresses
        headers = {"Authorization": f"Bearer {addresses.admin_key}"}
        self._api = httpx.AsyncClient(base_url=addresses.api_url, headers=headers, timeout=PATIENCE)
        self._sandbox = httpx.AsyncClient(base_url=addresses.sandbox_url, timeout=PATIENCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._api.aclose()
        await self._sandbox.aclose()

    async def sign_up(
        self, external_id: str, *, plan: str = "starter", key: str | None = None, **more: Any
    ) -> dict[str, Any]:
        """Start a subscription; *more* are further fields of the request."""
        customer = {"external_id": external_id, "email": f"{external_id}@example.com"} | more.pop("customer", {})
        return await self.post("/v1/subscriptions", {"customer": customer, "plan": plan, **more}, key=key)

    async def command(self, subscription: str, name: str, *, key: str | None = None, **body: Any) -> dict[str, Any]:
        """Send a command and return the subscription after it."""
        return await self.post(f"/v1/subscriptions/{subscription}/{name}", body, key=key)

    async def subscription(self, subscription: str) -> dict[str, Any]:
        return await self.get(f"/v1/subscriptions/{subscription}")

    async def timeline(self, subscription: str) -> dict[str, Any]:
        return await self.get(f"/v1/subscriptions/{subscription}/timeline")

    async def consume(self, external_id: str, feature: str, quantity: int = 1, *, key: str) -> dict[str, Any]:
        """Consume *quantity* of a feature."""
        body = {"feature": feature, "quantity": quantity, "key": key}
        return _answer(await self._api.post(f"/v1/customers/{external_id}/consume", json=body))

    async def checkout(self, subscription: str, payment_method: str = "pm_card_visa") -> None:
        """Open a checkout session and complete its page as the customer would in a browser."""
        session = await self.post("/v1/checkout-sessions", {"subscription": subscription})
        async with httpx.AsyncClient(timeout=PATIENCE) as browser:
            _check_page(await browser.get(session["url"]))
            _check_page(await browser.post(session["url"], data={"payment_method": payment_method}))

    async def open_checkout(self, subscription: str, **urls: str) -> str:
        """The URL of a checkout page that the customer has not completed yet."""
        return str((await self.post("/v1/checkout-sessions", {"subscription": subscription} | urls))["url"])

    async def open_purchase(
        self, external_id: str, *, plan: str = "starter", key: str | None = None, **more: Any
    ) -> dict[str, Any]:
        """The page on which somebody without a subscription buys one; *more* are further fields of the request."""
        customer = {"external_id": external_id, "email": f"{external_id}@example.com"} | more.pop("customer", {})
        urls = {"success_url": "https://product.example/welcome", "cancel_url": "https://product.example/plans"}
        return await self.post("/v1/checkout-sessions", {"customer": customer, "plan": plan, **urls, **more}, key=key)

    async def complete_page(self, url: str, payment_method: str = "pm_card_visa", **entered: str) -> str:
        """Fill a checkout page in, authenticate if the bank asks, and return where it leads.

        Raises:
            RefusedError: the card was declined, or the page is over.
        """
        given = {"payment_method": payment_method, **entered}
        async with httpx.AsyncClient(timeout=PATIENCE) as browser:
            _check_page(await browser.get(url))
            answer = await browser.post(url, data=given)
            if answer.status_code == httpx.codes.OK:
                answer = await browser.post(url, data=given | {"authentication": "complete"})
        _check_page(answer)
        return str(answer.headers["location"])

    async def open_portal(self, external_id: str) -> str:
        """The URL of the customer's portal."""
        return str((await self.post("/v1/portal-sessions", {"customer": external_id}))["url"])

    async def in_portal(self, external_id: str, payment_method: str) -> None:
        """Open the portal and add a card there, which becomes the default."""
        async with httpx.AsyncClient(timeout=PATIENCE, follow_redirects=True) as browser:
            shown = await browser.post(await self.open_portal(external_id), data={"payment_method": payment_method})
        _check_page(shown)

    async def travel(self, subscription: str, by: timedelta) -> datetime:
        """Move one subscription's clock; returns its new time."""
        body = {"subscription": subscription, "seconds": by.total_seconds()}
        arrived = await self._sandbox.post("/travel", json=body)
        return datetime.fromisoformat(_answer(arrived)["now"])

    async def card_answers(self, external_id: str, *answers: str) -> None:
        """Set how the card on file answers the next charges; the last answer stays."""
        _answer(await self._sandbox.post("/card", json={"customer": external_id, "answers": list(answers)}))

    async def card_expires(self, external_id: str, month: int, year: int, *, announced: bool = False) -> None:
        """Change the expiry date of the card on file; *announced*: with an event, like an automatic update."""
        path = "/card-update" if announced else "/card-expiry"
        body = {"customer": external_id, "exp_month": month, "exp_year": year}
        _answer(await self._sandbox.post(path, json=body))

    async def edited_at_stripe(self, external_id: str, **changes: str) -> None:
        """Edit the customer in Stripe's dashboard: `email`, `name`."""
        _answer(await self._sandbox.post("/customer", json={"customer": external_id} | changes))

    async def dispute(self, external_id: str, status: str = "opened") -> None:
        """Let the customer's bank dispute the latest charge (`opened`, `inquiry`), or decide (`won`, `lost`)."""
        _answer(await self._sandbox.post("/dispute", json={"customer": external_id, "status": status}))

    async def refund(self, external_id: str, amount: int | None = None) -> None:
        """Refund the latest charge at Stripe: *amount* in cents, or the rest of it."""
        body = {"customer": external_id} | ({} if amount is None else {"amount": amount})
        _answer(await self._sandbox.post("/refund", json=body))

    async def faults(self, **faults: Any) -> None:
        _answer(await self._sandbox.post("/faults", json=faults))

    async def mails(self, external_id: str) -> list[dict[str, Any]]:
        """Every mail the customer has received, oldest first."""
        found = await self._sandbox.get("/messages", params={"to": f"{external_id}@example.com"})
        found.raise_for_status()
        mails: list[dict[str, Any]] = found.json()
        return mails

    async def change_customer(self, external_id: str, **given: Any) -> dict[str, Any]:
        """Change the customer and return them."""
        return _answer(await self._api.patch(f"/v1/customers/{external_id}", json=given))

    async def get(self, path: str, **params: str) -> dict[str, Any]:
        return _answer(await self._api.get(path, params=params))

    async def post(self, path: str, body: dict[str, Any], *, key: str | None = None) -> dict[str, Any]:
        """Send a request once; one that takes longer than its timeout is repeated under its key."""
        headers = {"Idempotency-Key": key or str(uuid4())}
        for _ in range(REPEATS):
            try:
                return _answer(await self._api.post(path, json=body, headers=headers))
            except RefusedError as error:
                if error.problem.get("code") not in UNFINISHED:
                    raise
                unfinished = error
        raise unfinished


def _check_page(response: httpx.Response) -> None:
    """Raise if a page of the provider was not shown, or did not take what was entered."""
    if response.status_code >= httpx.codes.BAD_REQUEST:
        raise RefusedError(response.status_code, {"detail": response.text})


def _answer(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = {"detail": response.text}
    if response.is_error:
        raise RefusedError(response.status_code, body)
    found: dict[str, Any] = body
    return found
