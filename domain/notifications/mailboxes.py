"""Canonical mail addresses: one per mailbox, however it is written."""

import unicodedata

_GMAIL = frozenset({"gmail.com", "googlemail.com"})


def canonical_mail(address: str) -> str:
    """Returns the same address for every spelling of a mailbox whose domain is in ASCII.

    Ignores case and everything after a plus; for Gmail also dots and which of its two domains is used.
    """
    written, _, host = address.strip().rpartition("@")
    # Only the local part is folded: domains have their own mapping to ASCII.
    local, domain = _folded(written), host.lower()
    # If the local part begins with a plus, there is nothing else to identify it by.
    mailbox = local.partition("+")[0] or local
    if domain in _GMAIL:
        return f"{mailbox.replace('.', '') or mailbox}@gmail.com"
    return f"{mailbox}@{domain}"


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    # Case folding decomposes some letters again.
    return unicodedata.normalize("NFKC", folded).strip()
