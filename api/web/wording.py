"""How pages write what errors say."""


def as_sentence(text: str) -> str:
    """Return *text* with a capital letter and a full stop; empty stays empty."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""
