"""The life that all live: a trial with three reminders, conversion, and monthly renewals; and what one leaves."""

from dataclasses import dataclass

DAY = 86400.0
TRIAL, REMINDERS = 14 * DAY, (7 * DAY, 3 * DAY, 1 * DAY)
PERIOD, RENEWALS = 30 * DAY, 12
STEPS = 1 + len(REMINDERS) + 1 + RENEWALS
"""The sign-up, the reminders, the conversion and the renewals."""


@dataclass(frozen=True)
class Lived:
    """What lives have taken, on average of one."""

    seconds: float
    cpu: dict[str, float]
    """Seconds of CPU, by process."""
    statements: float
    """SQL, with those that begin and end transactions."""
    events: float = 0.0
    size: float = 0.0
    """Bytes of histories."""
    actions: float = 0.0
    """That Temporal Cloud bills."""

    @property
    def cpu_of_all(self) -> float:
        return sum(self.cpu.values())
