"""Mail addresses, told apart as people are, not as they are written."""

import unicodedata

_GMAIL = frozenset({"gmail.com", "googlemail.com"})


def canonical_mail(address: str) -> str:
    """The same for all ways to write one mailbox, of addresses that have their domain in ASCII.

    Case and what follows a plus do not count; for Gmail dots do not either, nor which of its two names is used.
    """
    written, _, host = address.strip().rpartition("@")
    # Only the name before the @ is folded: letters in a domain have a way of their own into ASCII.
    local, domain = _folded(written), host.lower()
    # An address that begins with the plus has nothing else to be told by.
    mailbox = local.partition("+")[0] or local
    if domain in _GMAIL:
        return f"{mailbox.replace('.', '') or mailbox}@gmail.com"
    return f"{mailbox}@{domain}"


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    # Folding takes some letters apart again.
    return unicodedata.normalize("NFKC", folded).strip()
