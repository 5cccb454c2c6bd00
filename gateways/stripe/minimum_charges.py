"""The smallest amounts that Stripe charges."""

from collections.abc import Mapping

SMALLEST_CHARGES: Mapping[str, int] = {
    **dict.fromkeys(("usd", "aud", "brl", "cad", "chf", "eur", "inr", "jpy", "nzd", "sgd"), 50),
    "aed": 200,
    "bgn": 100,
    "czk": 1500,
    "dkk": 250,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "thb": 1000,
}
"""In minor units (docs.stripe.com/currencies). Smaller amounts go on the customer's balance, for the next invoice."""
