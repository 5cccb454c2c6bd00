"""The customer portal: sessions, and customers' actions."""

from sandbox.stripe import portal_settings
from sandbox.stripe.customers import make_default
from sandbox.stripe.errors import invalid
from sandbox.stripe.events import shown
from sandbox.stripe.ids import new_id
from sandbox.stripe.params import LANGUAGES, TEXT, Params, Shape, Text
from sandbox.stripe.payment_methods import attach_to, default_of, detach, owned
from sandbox.stripe.store import Object
from sandbox.stripe.subscriptions import RUNNING, save, set_cancel_at_period_end, updated
from sandbox.stripe.world import World

OPEN_FOR = 3600
"""For how many seconds a portal's URL is valid."""

ENGLISHES = ("en-AU", "en-CA", "en-IE", "en-IN", "en-NZ", "en-SG")
CREATE = Shape(
    {"customer": TEXT, "return_url": TEXT, "locale": Text(*LANGUAGES, *ENGLISHES), "configuration": TEXT},
    required=["customer"],
)


def create(world: World, _ids: Params, params: Params) -> Object:
    customer = world.given("customer", params["customer"], "customer")
    if "configuration" in params:
        settings = world.given("billing_portal.configuration", params["configuration"], "configuration")
    else:
        settings = portal_settings.default(world)
    reference = new_id("bps")
    return world.store.save(
        {
            "id": reference,
            "object": "billing_portal.session",
            "configuration": settings["id"],
            "created": world.now(customer["id"]),
            "customer": customer["id"],
            "flow": None,
            "livemode": False,
            "locale": params.get("locale"),
            "on_behalf_of": None,
            "return_url": params.get("return_url"),
            "url": f"{world.base_url}/p/session/{reference}",
        }
    )


def is_open(world: World, session: Object) -> bool:
    return bool(world.now(session["customer"]) < session["created"] + OPEN_FOR)


def allows(world: World, session: Object, feature: str) -> bool:
    settings = world.named("billing_portal.configuration", session["configuration"])
    return bool(settings["features"][feature]["enabled"])


def running(world: World, customer: str) -> list[Object]:
    """The customer's subscriptions that are not over."""
    return [each for each in world.store.find("subscription", customer=customer) if each["status"] in RUNNING]


def act(world: World, session: Object, action: str, subject: str) -> None:
    """Do what the customer chose: `add`, `use` or `remove` a card, `cancel` or `renew` a subscription.

    Raises:
        StripeFailure: the configuration does not allow it, it belongs to someone else, or the bank declines the card.

    """
    customer = session["customer"]
    match action:
        case "add" | "use" | "remove" if not allows(world, session, "payment_method_update"):
            raise invalid("This portal does not allow changing payment methods.")
        case "add":
            make_default(world, customer, attach_to(world, subject, customer, set_up=True)["id"])
        case "use":
            make_default(world, customer, subject)
        case "remove":
            _remove(world, customer, subject)
        case "cancel" | "renew" if allows(world, session, "subscription_cancel"):
            _end_or_go_on(world, customer, subject, ends=action == "cancel")
        case _:
            raise invalid("This portal does not allow that.")


def may_be_removed(world: World, customer: Object, card: str) -> bool:
    """False for the card of a running subscription: another one must be the default first."""
    return cards(world, customer)[1] != card or not running(world, customer["id"])


def _remove(world: World, customer: str, card: str) -> None:
    method = owned(world, card, customer, "payment_method")
    if not may_be_removed(world, world.named("customer", customer), card):
        raise invalid("Choose another card for your subscription first; then this one can be removed.")
    detach(world, {"payment_method": method["id"]}, {})


def _end_or_go_on(world: World, customer: str, reference: str, *, ends: bool) -> None:
    subscription = next((each for each in running(world, customer) if each["id"] == reference), None)
    if subscription is None:
        raise invalid(f"No such subscription: '{reference}'", code="resource_missing")
    before = shown(subscription)
    set_cancel_at_period_end(world, subscription, wanted=ends)
    save(world, subscription)
    updated(world, subscription, before)


def cards(world: World, customer: Object) -> tuple[list[Object], str]:
    """The customer's cards, newest first, and the id of the default; empty: there is none."""
    default = default_of(world, customer)
    return world.store.find("payment_method", customer=customer["id"]), str(default["id"]) if default else ""
