"""How large a crowd can be."""

from domain.errors import Malformed

LARGEST = 5_000


def check_size(number: int) -> None:
    """Check that a crowd can have this many customers.

    Raises:
        Malformed: it cannot.
    """
    if not 1 <= number <= LARGEST:
        raise Malformed(f"a crowd has 1 to {LARGEST} customers, not {number}", field="crowd")
