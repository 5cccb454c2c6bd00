"""Disputes: the cardholder's bank inquires, takes the money back, and decides."""

from enum import StrEnum

from sandbox.stripe.events import changes, shown
from sandbox.stripe.ids import new_id
from sandbox.stripe.lists import page
from sandbox.stripe.params import PAGING, TEXT, Params, Shape
from sandbox.stripe.reversals import latest_paid_charge
from sandbox.stripe.store import Object
from sandbox.stripe.world import World

LIST = Shape({**PAGING, "charge": TEXT, "payment_intent": TEXT})
ANSWER_WITHIN = 21 * 86_400
_EVIDENCE = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)
INQUIRING, TAKEN = "warning_needs_response", "needs_response"


class Turn(StrEnum):
    """What the bank does."""

    INQUIRY = "inquiry"
    """It inquires; the money stays."""
    OPENED = "opened"
    """It takes the money back; for an earlier inquiry, if there is one."""
    WON = "won"
    LOST = "lost"


def retrieve(world: World, ids: Params, _params: Params) -> Object:
    return world.named("dispute", ids["dispute"], param="dispute")


def list_all(world: World, _ids: Params, params: Params) -> Object:
    found = world.store.find("dispute")
    for name in ("charge", "payment_intent"):
        if name in params:
            found = [each for each in found if each[name] == params[name]]
    return page(found, params, "/v1/disputes")


def take(world: World, name: str, customers: list[str], turn: Turn) -> Object:
    """Let the bank of *customers*, which share *name*, do this.

    Raises:
        ValueError: there is no charge that could be disputed, or no dispute that could be closed.

    """
    pending = _pending(world, customers)
    if turn in (Turn.WON, Turn.LOST):
        if pending is None:
            raise ValueError(f"{name!r} has no open dispute; open one first")
        return _close(world, pending, turn)
    if turn is Turn.OPENED and pending is not None and pending["status"] == INQUIRING:
        return _change(world, pending, "charge.dispute.updated", status=TAKEN, is_charge_refundable=False)
    return _open(world, latest_paid_charge(world, name, customers), inquiry=turn is Turn.INQUIRY)


def _pending(world: World, customers: list[str]) -> Object | None:
    found = [each for customer in customers for each in world.store.find("dispute", customer=customer)]
    return next((each for each in found if each["status"] in (INQUIRING, TAKEN)), None)


def _close(world: World, dispute: Object, turn: Turn) -> Object:
    if dispute["status"] == INQUIRING and turn is Turn.LOST:
        raise ValueError("an inquiry cannot be lost: let the bank take the money first (`opened`)")
    status = "warning_closed" if dispute["status"] == INQUIRING else turn.value
    return _change(world, dispute, "charge.dispute.closed", status=status)


def _change(world: World, dispute: Object, event: str, **values: object) -> Object:
    before = shown(dispute)
    dispute.update(values)
    world.store.save(dispute)
    world.events.emit(event, dispute, customer=dispute["_customer"], before=changes(before, dispute))
    return dispute


def _open(world: World, charge: Object, *, inquiry: bool) -> Object:
    now = world.now(charge["customer"])
    dispute: Object = {
        "id": new_id("du"),
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(_EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": now + ANSWER_WITHIN,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": "fraudulent",
        "status": INQUIRING if inquiry else TAKEN,
        "_customer": charge["customer"],
    }
    world.store.save(dispute)
    charge["disputed"] = True
    world.store.save(charge)
    world.events.emit("charge.dispute.created", dispute, customer=charge["customer"])
    return dispute
