"""What a Stripe key reveals about itself."""


def is_live(api_key: str) -> bool:
    """True for live keys, `sk_live_...` or `rk_live_...`."""
    return api_key.partition("_")[2].startswith("live_")
