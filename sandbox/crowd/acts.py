"""What can happen to a customer, and when: the plots of a crowd, as data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from domain.subscription.ends import ReasonCode
from domain.subscription.sign_up import SignUpContact

A_MONTH = 30.4
"""Days."""
COMMENTS = (
    (ReasonCode.TOO_EXPENSIVE, "Great tool, but the budget for next year was cut."),
    (ReasonCode.TOO_EXPENSIVE, "Für ein so kleines Team leider zu teuer."),
    (ReasonCode.TOO_EXPENSIVE, ""),
    (ReasonCode.MISSING_FEATURES, "We need an approval step before anything goes out."),
    (ReasonCode.MISSING_FEATURES, "Il manque une intégration avec notre CRM."),
    (ReasonCode.SWITCHED_SERVICE, "Our parent company uses another product."),
    (ReasonCode.UNUSED, "The project is over, may be back in spring."),
    (ReasonCode.UNUSED, ""),
    (ReasonCode.TOO_COMPLEX, "Too much to set up for what we do."),
    (ReasonCode.CUSTOMER_SERVICE, "Waited four days for an answer."),
    (ReasonCode.LOW_QUALITY, ""),
    (ReasonCode.OTHER, "Umzug in ein anderes Unternehmen."),
)


class Deed(StrEnum):
    """What can happen to a customer."""

    GIVE_CARD = "give_card"
    """They give a card in the trial, or after it has expired."""
    NEW_CARD = "new_card"
    BANK = "bank"
    """Their bank answers the next charges so."""
    PAY = "pay"
    """They have what is owed charged again."""
    WAIVE = "waive"
    """What is owed is voided at the provider."""
    CANCEL = "cancel"
    CANCEL_NOW = "cancel_now"
    UNDO_CANCEL = "undo_cancel"
    DISMISS = "dismiss"
    """An operator cancels."""
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    PAY_BY_THE_YEAR = "pay_by_the_year"
    ADD_ON = "add_on"
    PAUSE = "pause"
    RESUME = "resume"
    RETURN = "return"
    """They have left, and sign up again."""
    EXTEND = "extend"
    SUSPEND = "suspend"
    REACTIVATE = "reactivate"
    REFUND = "refund"
    REFUND_PART = "refund_part"
    DISPUTE = "dispute"
    WIN_DISPUTE = "win_dispute"
    LOSE_DISPUTE = "lose_dispute"
    OUTAGE = "outage"
    """The provider refuses the next step."""


@dataclass(frozen=True)
class Act:
    """Something that happens on a day after the sign-up."""

    day: float
    deed: Deed
    words: str = ""
    code: str = ""
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plot:
    """One customer's year."""

    contact: SignUpContact
    signs_up_at: datetime
    rank: float
    """Which plan they choose: 0 the cheapest, just below 1 the most expensive."""
    trial_days: int
    """0: they pay at once."""
    card: str | None
    """The card they sign up with; None: they have none yet."""
    acts: tuple[Act, ...] = ()
    use: float | None = None
    """How much of each limit they use in the end; None: nothing."""
    by_the_year: bool = False
    role: str = ""
    """What an operator finds them in, if they are needed for that."""


@dataclass
class Draft:
    """A plot in the making. Days count from the sign-up."""

    dice: Random
    days: float
    """From the sign-up to the present."""
    trial_days: int
    card: str | None
    acts: list[Act] = field(default_factory=list)
    use: float | None = None

    def add(self, day: float, deed: Deed, words: str = "", code: str = "", answers: Sequence[str] = ()) -> None:
        self.acts.append(Act(day, deed, words, code, tuple(answers)))

    def renewal(self, number: int) -> float:
        """A day before the renewal of this number."""
        return self.trial_days + number * A_MONTH - 2.5

    def cancel(self, day: float, deed: Deed = Deed.CANCEL) -> None:
        code, words = self.dice.choice(COMMENTS)
        self.add(day, deed, words, code.value)


NOBODY = SignUpContact("", "")


def plotted(draft: Draft, now: datetime, *, rank: float, by_the_year: bool = False) -> Plot:
    signs_up_at = now - timedelta(days=draft.days)
    acts = tuple(sorted((act for act in draft.acts if act.day < draft.days), key=lambda act: act.day))
    return Plot(NOBODY, signs_up_at, rank, draft.trial_days, draft.card, acts, draft.use, by_the_year)
