"""Mail addresses as they come in: checked and written as one address once, at the edge, in requests and settings alike.

What goes on from here, into the database, to Stripe, to mail servers and into comparisons, has its domain in ASCII, as
the name system knows it (IDNA 2008): `ada@xn--strae-oqa.example`. People are shown `ada@straße.example`.
"""

from email_validator import EmailNotValidError, ValidatedEmail, validate_email


def mail_address(text: str) -> str:
    """Return the address as mail servers know it.

    Raises:
        ValueError: it is none that mail can be sent to; the message says why.
    """
    try:
        # Whether a mail server takes letters such as ü before the @ shows only once a mail is handed to it.
        checked = _checked(text)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    if "=?" in checked.local_part:
        # By RFC 2047 it is none, but mail programs decode it where they find it, line breaks in it included.
        raise ValueError("The part before the @-sign must not hold '=?', with which encoded words begin.")
    return f"{checked.local_part}@{checked.ascii_domain}"


def shown_address(address: str) -> str:
    """Return an address as people read it: a domain of letters such as ß with these letters."""
    if "xn--" not in address.lower():
        return address
    try:
        return _checked(address).normalized
    except EmailNotValidError:
        return address


def searched_address(text: str) -> str | None:
    """Return how a part of an address that has letters beyond ASCII is kept; None if it is kept as it is written.

    Letters are found by the whole names between the dots of a domain: `straße` and `@straße.ex`, not `stra`.
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
    # Reserved names as `.test` are taken: sandboxes and examples use them.
    return validate_email(text, check_deliverability=False, test_environment=True, allow_smtputf8=False)
