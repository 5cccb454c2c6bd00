"""How values are formatted in mails and logs."""

from datetime import UTC, datetime


def moment(at: datetime) -> str:
    """Formats an instant as RFC 3339 in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
