"""The security headers of pages. Nothing runs, loads or submits anywhere that is not named here."""

from collections.abc import Sequence
from typing import Final

SAME_ORIGIN: Final = "same-origin"
NO_REFERRER: Final = "no-referrer"
"""For pages whose address is a secret. Their forms would send an `Origin: null`, so they have none."""

_PERMISSIONS: Final = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def security_headers(
    *, embed_in: Sequence[str] = (), forms_lead_to: Sequence[str] = (), referrer: str = SAME_ORIGIN
) -> dict[str, str]:
    """Return the headers of a page.

    Args:
        embed_in: origins that may show the page in a frame; none may if it is empty.
        forms_lead_to: other origins to which a form of the page may be redirected, such as the provider's.
        referrer: what other pages learn of this page's address.

    """
    policy = {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "form-action": " ".join(("'self'", *forms_lead_to)),
        "base-uri": "'none'",
        "frame-ancestors": " ".join(embed_in) or "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": _PERMISSIONS,
        "Referrer-Policy": referrer,
        "X-Content-Type-Options": "nosniff",
    }
