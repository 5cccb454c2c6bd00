"""What a key of Stripe tells of itself."""


def is_live(api_key: str) -> bool:
    """Whether it is a key for money, `sk_live_...` or `rk_live_...`, not one for tests."""
    return api_key.partition("_")[2].startswith("live_")
