"""The fields with which a customer chooses a plan: what is offered in them, and what was chosen."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from api.billing_pages.choices import WRONG
from domain.catalog.plans import AddOn, Interval, Plan
from localization.languages import Language, sentence

ADD_ON: Final = "add_on."
"""The beginning of the names of the fields with units of an add-on."""
NUMBER: Final = sentence("Please write a whole number.")


@dataclass(frozen=True)
class PlanOption:
    """A plan for an interval."""

    value: str
    plan: Plan
    interval: Interval
    amount: int
    currency: str
    is_current: bool = False


def priced(plans: Iterable[Plan], current: tuple[str, Interval] | None = None) -> list[PlanOption]:
    """Return plans with a price, once for each interval."""
    return [
        PlanOption(
            f"{plan.code}/{interval}", plan, interval, price.amount, price.currency, (plan.code, interval) == current
        )
        for plan in plans
        for interval, price in plan.prices.items()
    ]


def add_on_fields(
    add_ons: Mapping[str, AddOn], fields: Mapping[str, str], held: Mapping[str, int]
) -> list[tuple[str, str, str]]:
    """Return the code and name of each add-on, and the units to show: those that were given, or else are held."""
    return [
        (code, add_on.name, fields.get(f"{ADD_ON}{code}", str(held.get(code, 0)))) for code, add_on in add_ons.items()
    ]


def chosen(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return plan, interval, quantity and add-ons as a request names them; it checks them."""
    plan, _, interval = fields.get("plan", "").partition("/")
    units = {name.removeprefix(ADD_ON): number(value) for name, value in fields.items() if name.startswith(ADD_ON)}
    return {
        "plan": plan,
        "interval": interval,
        "quantity": number(fields.get("quantity", "1")),
        "add_ons": {code: count for code, count in units.items() if count != 0},
    }


def faults(error: ValidationError, language: Language) -> dict[str, str]:
    """Return what is wrong, by field of the form."""
    wrong = {name: WRONG if name == "plan" else NUMBER for name in (_field(one["loc"]) for one in error.errors())}
    return {name: language.words.gettext(text) for name, text in wrong.items()}


def number(text: str) -> int | str:
    """Return the number, or the text for the request to refuse."""
    return int(text) if re.fullmatch(r"-?[0-9]{1,12}", text.strip()) else text


def _field(where: tuple[int | str, ...]) -> str:
    name = str(where[0]) if where else "plan"
    if name == "add_ons" and len(where) > 1:
        return f"{ADD_ON}{where[1]}"
    return name if name == "quantity" else "plan"
