"""Checkout sessions: hosted pages that store a card, or sell a subscription."""

from sandbox.stripe.checkout_objects import blank_session
from sandbox.stripe.errors import invalid
from sandbox.stripe.lists import page
from sandbox.stripe.params import FLAG, LANGUAGES, METADATA, PAGING, RANGE, TEXT, WHOLE, Many, Params, Shape, Text
from sandbox.stripe.store import Object
from sandbox.stripe.subscriptions import items_list, new_item, with_period
from sandbox.stripe.world import World

MOST_ITEMS = 20
UPDATES = Text("auto", "never")
CREATE = Shape(
    {
        "mode": Text("setup", "subscription"),
        "customer": TEXT,
        "customer_creation": Text("always"),
        "customer_email": TEXT,
        "customer_update": Shape({"address": UPDATES, "name": UPDATES}),
        "billing_address_collection": Text("auto", "required"),
        "tax_id_collection": Shape({"enabled": FLAG, "required": Text("if_supported", "never")}, required=["enabled"]),
        "line_items": Many(Shape({"price": TEXT, "quantity": WHOLE})),
        "subscription_data": Shape({"metadata": METADATA, "description": TEXT}),
        "success_url": TEXT,
        "cancel_url": TEXT,
        "client_reference_id": TEXT,
        "currency": TEXT,
        "expires_at": WHOLE,
        "locale": Text(*LANGUAGES, "hi-IN"),
        "metadata": METADATA,
        "allowed_payment_method_types": Many(Text("card")),
        "setup_intent_data": Shape({"metadata": METADATA, "description": TEXT}),
        "ui_mode": Text("hosted_page"),
    },
    required=["mode", "success_url"],
)
LIST = Shape(
    {
        **PAGING,
        "created": RANGE,
        "customer": TEXT,
        "status": Text("complete", "expired", "open"),
        "subscription": TEXT,
    }
)
OF_SUBSCRIPTIONS = ("line_items", "subscription_data")
SHORTEST, LONGEST = 30 * 60, 24 * 3600


def create(world: World, _ids: Params, params: Params) -> Object:
    _refuse_wrong_mode(params)
    customer = world.given("customer", params["customer"], "customer") if "customer" in params else None
    _refuse_wrong_customer(params, customer)
    session = blank_session(world, params, customer)
    if not SHORTEST <= session["expires_at"] - session["created"] <= LONGEST:
        raise invalid(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    if params["mode"] == "subscription":
        _price(world, session)
    return save(world, session)


def _refuse_wrong_mode(params: Params) -> None:
    mode = params["mode"]
    if mode == "setup":
        if not params.keys() & {"currency", "allowed_payment_method_types"}:
            raise invalid(
                "Missing required param: currency. In setup mode give `currency` or `allowed_payment_method_types`.",
                param="currency",
                code="parameter_missing",
            )
        for name in OF_SUBSCRIPTIONS:
            if name in params:
                raise invalid(f"You can not pass `{name}` in `setup` mode.", param=name)
        return
    if not params.get("line_items"):
        raise invalid("Missing required param: line_items.", param="line_items", code="parameter_missing")
    if len(params["line_items"]) > MOST_ITEMS:
        raise invalid(f"You can have at most {MOST_ITEMS} recurring line items.", param="line_items")
    if "customer_creation" in params:
        raise invalid(
            "`customer_creation` can only be used in `payment` and `setup` mode.",
            param="customer_creation",
        )
    if "setup_intent_data" in params:
        raise invalid("You can not pass `setup_intent_data` in `subscription` mode.", param="setup_intent_data")


def _refuse_wrong_customer(params: Params, customer: Object | None) -> None:
    if customer is None:
        if "customer_update" in params:
            raise invalid("`customer_update` can only be used with `customer`.", param="customer_update")
        if params["mode"] == "setup" and "customer_creation" not in params:
            raise invalid("The simulator knows no guests: give `customer` or `customer_creation`.", param="customer")
        return
    for name in ("customer_creation", "customer_email"):
        if name in params:
            raise invalid(f"You may only specify one of these parameters: customer, {name}.", param=name)
    is_kept = params.get("customer_update", {}).get("name") == "auto"
    if params.get("tax_id_collection", {}).get("enabled") and not is_kept:
        raise invalid(
            "Tax ID collection requires updating business name on the customer. To enable tax ID collection for an "
            "existing customer, please set `customer_update[name]` to `auto`.",
            param="customer_update",
        )


def _price(world: World, session: Object) -> None:
    """Set what the session asks for: the first period of its items."""
    now = session["created"]
    items = [
        new_item(world, session["id"], given, f"line_items[{n}]", now) for n, given in enumerate(session["_line_items"])
    ]
    placed = items_list(session["id"], with_period(items, now, now))["data"]
    amount = sum((each["price"]["unit_amount"] or 0) * each.get("quantity", 0) for each in placed)
    session.update(
        amount_subtotal=amount,
        amount_total=amount,
        currency=placed[0]["price"]["currency"],
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
    )


def save(world: World, session: Object) -> Object:
    return world.store.save(session, due=session["expires_at"] if session["status"] == "open" else None)


def retrieve(world: World, ids: Params, _params: Params) -> Object:
    return world.named("checkout.session", ids["session"], param="session")


def list_all(world: World, _ids: Params, params: Params) -> Object:
    found = world.store.find("checkout.session")
    for name in ("customer", "status", "subscription"):
        found = [each for each in found if name not in params or each[name] == params[name]]
    return page(found, params, "/v1/checkout/sessions")


def expire(world: World, ids: Params, _params: Params) -> Object:
    session = retrieve(world, ids, {})
    if session["status"] != "open":
        raise invalid(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status '
            f"of `{session['status']}`."
        )
    expire_now(world, session)
    return session


def expire_now(world: World, session: Object) -> None:
    session.update(status="expired", url=None)
    save(world, session)
    world.events.emit("checkout.session.expired", session, customer=session["_customer"])


def is_too_late(world: World, session: Object) -> bool:
    """True if an open session's time is over, even before the clock has expired it."""
    return bool(session["status"] == "open" and session["expires_at"] <= world.now(session["_customer"]))


def success_url(session: Object) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def retrieve_setup_intent(world: World, ids: Params, _params: Params) -> Object:
    return world.named("setup_intent", ids["intent"], param="intent")
