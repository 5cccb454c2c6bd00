"""Mail addresses as they come in: checked once, at the edge, in requests and settings alike."""

from email_validator import EmailNotValidError, validate_email


def mail_address(text: str) -> str:
    """Return the address, written as all that follows may rely on.

    Raises:
        ValueError: it is none that mail can be sent to; the message says why.
    """
    try:
        # Reserved names as `.test` are taken: sandboxes and examples use them.
        checked = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    if "=?" in checked.local_part:
        # By RFC 2047 it is none, but mail programs decode it where they find it, line breaks in it included.
        raise ValueError("The part before the @-sign must not hold '=?', with which encoded words begin.")
    return checked.normalized
