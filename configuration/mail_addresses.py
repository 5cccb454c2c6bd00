"""Validates and normalizes mail addresses at the edge, in requests and settings.

Internally (database, Stripe, mail servers, comparisons) the domain is in ASCII (IDNA 2008):
`ada@xn--strae-oqa.example`. People see `ada@straße.example`.
"""

from email_validator import EmailNotValidError, ValidatedEmail, validate_email


def mail_address(text: str) -> str:
    """Return the normalized address.

    Raises:
        ValueError: no mail can be sent to it; the message says why.
    """
    try:
        # Whether a mail server accepts letters such as ü before the @ is known only when a mail is sent.
        checked = _checked(text)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    if "=?" in checked.local_part:
        # Not allowed by RFC 2047, but mail programs decode it wherever they find it, including line breaks.
        raise ValueError("The part before the @-sign must not contain '=?', the start of an encoded word.")
    return f"{checked.local_part}@{checked.ascii_domain}"


def shown_address(address: str) -> str:
    """Return an address for display: with letters such as ß in its domain."""
    if "xn--" not in address.lower():
        return address
    try:
        return _checked(address).normalized
    except EmailNotValidError:
        return address


def searched_address(text: str) -> str | None:
    """Return the stored form of a part of an address with non-ASCII letters; None if it is stored as written.

    Only whole labels of a domain can be found: `straße` and `@straße.ex`, not `stra`.
    """
    if text.isascii():
        return None
    before, at, domain = text.rpartition("@")
    labels = [label if label.isascii() else _ascii(label) for label in domain.split(".")]
    return f"{before}{at}{'.'.join(labels)}"


def _ascii(label: str) -> str:
    try:
        return _checked(f"x@{label}.example").ascii_domain.removesuffix(".example")
    except EmailNotValidError:
        return label


def _checked(text: str) -> ValidatedEmail:
    # Reserved names like `.test` are accepted: sandboxes and examples use them.
    return validate_email(text, check_deliverability=False, test_environment=True, allow_smtputf8=False)
