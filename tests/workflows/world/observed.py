"""What the tests of a process have seen happen."""

from domain.subscription.journal import CauseKind, Entry


class Observed:
    """Commands that were carried out, refusals, and actions that were taken when they were due, with which of each."""

    def __init__(self) -> None:
        self.met: set[tuple[str, str]] = set()

    def command(self, update: str) -> None:
        self.met.add(("command", update))

    def refusal(self, code: str) -> None:
        self.met.add(("refusal", code))

    def taken(self, journal: list[Entry]) -> None:
        """Note the actions that have left a line in a journal."""
        for entry in journal:
            if entry.cause.kind is CauseKind.TIMER:
                self.met.add(("action", entry.cause.ref))
            if entry.kind == "renewed":
                # Done by the provider; we have nothing to do.
                self.met.add(("action", "renew"))
