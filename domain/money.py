"""Money in integer minor units."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Money:
    """An amount in the minor unit of its currency: 4900 usd is forty-nine dollars."""

    amount: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.amount + other.amount, self.currency)

    def __mul__(self, times: int) -> "Money":
        return Money(self.amount * times, self.currency)
