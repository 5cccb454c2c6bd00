"""How much access a customer has, and what it is based on."""

from enum import StrEnum


class Basis(StrEnum):
    """What a customer's entitlements come from."""

    PLAN = "plan"
    """Their subscription's plan, add-ons and seats."""
    NO_NEW_USE = "no_new_use"
    """The same, but no new usage: existing resources can be read and released."""
    FREE_PLAN = "free_plan"
    """The catalog's free plan."""
    NOTHING = "nothing"


class Access(StrEnum):
    """How much of the product the customer may use."""

    FULL = "full"
    LIMITED = "limited"
    NONE = "none"
