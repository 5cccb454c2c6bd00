"""Entitlement checks: allowed with what is left, or denied with the reason and what would help."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.entitlements.views import (
    ConsumeResult,
    DenialView,
    EntitlementView,
    FeatureUsageView,
    OverageView,
    PlanName,
    PlanRef,
    UpgradeSuggestionView,
    available,
    count,
    not_counted,
    shown,
)
from api.http.errors import STATUS_OF_CODE
from domain.catalog.features import Feature
from domain.catalog.plans import Plan
from domain.entitlements import usage_texts
from domain.entitlements.snapshot import Denial, EntitlementSnapshot, whole
from domain.entitlements.suggestions import Wanted, plans_with, suggestions
from domain.entitlements.usage import Counter, UsageLevel
from domain.errors import LimitReached, Rejected


@dataclass(frozen=True)
class EntitlementCheck:
    """Whether a customer may use this much of a feature, or this value of it."""

    customer: str
    snapshot: EntitlementSnapshot
    feature: Feature
    quantity: int | None = None
    """None: any amount; for a counted feature, one more."""
    value: str | None = None

    def entitlement(self) -> EntitlementView:
        """Return what the customer has of the feature, and whether the requested amount may be used now."""
        snapshot, feature, value = self.snapshot, self.feature, self.snapshot.has(self.feature).value
        counter = snapshot.counter(feature) if feature.window is not None else None
        denial = snapshot.denial(feature, self.quantity, self.value)
        is_near = (
            counter is not None and counter.included != 0 and snapshot.level(counter, feature) is not UsageLevel.OK
        )
        blocked, blocking = self._blocking(denial, counter)
        retry_at = blocking.ends if blocking is not None and blocked.helps_to_wait(denial, blocking) else None
        return EntitlementView(
            feature=feature.code,
            name=feature.name,
            kind=feature.kind,
            allowed=denial is None,
            reason=denial,
            detail=None if denial is None else blocked.why(denial, blocking),
            refusal_status=blocked.refusal_status_of(denial) if denial is not None else None,
            retry_at=retry_at,
            limited_by=None if blocked is self else blocked.feature.code,
            value=shown(value),
            overage=OverageView.of(snapshot.overage(feature)),
            plans=PlanName.all(blocked.plans(blocking if denial is not None else None)),
            available=available(feature, value),
            upgrades=blocked.upgrades(blocking) if denial is not None or is_near else [],
            **self._counts(counter),
        )

    def _blocking(self, denial: Denial | None, counter: Counter | None) -> tuple["EntitlementCheck", Counter | None]:
        """Return the check and counter that block it, if any: with a shared meter it may be another feature's."""
        if denial is None or counter is None:
            return self, counter
        found = self.snapshot.refusing(self.feature, self.quantity or 1, denial)
        if found is None or found.feature == self.feature.code:
            return self, counter
        return EntitlementCheck(
            self.customer, self.snapshot, self.snapshot.features[found.feature], self.quantity
        ), found

    def refusal(self, denial: Denial, counter: Counter | None) -> Rejected:
        """Return the refusal with everything that helps the caller; *counter* is what blocks it, or None."""
        snapshot, feature = self.snapshot, self.feature
        view = DenialView(
            customer=self.customer,
            plan=PlanRef.of(snapshot),
            basis=snapshot.standing.basis,
            feature=feature.code,
            plans=PlanName.all(self.plans(counter)),
            available=available(feature, snapshot.has(feature).value),
            upgrades=self.upgrades(counter),
            **self._counts(counter),
        )
        details = view.model_dump(mode="json")
        detail = (
            f"{self.why(denial, counter)}{_offer(view.upgrades, snapshot) if denial is Denial.LIMIT_REACHED else ''}"
        )
        if denial is not Denial.LIMIT_REACHED:
            return Rejected(detail, code=denial.value, details=details)
        wait = 0.0
        if counter is not None and counter.ends is not None and self.helps_to_wait(denial, counter):
            wait = (counter.ends - snapshot.standing.moment).total_seconds()
        return LimitReached(detail, is_for_sale=feature.limit.is_for_sale, details=details, retry_after=wait)

    def consumed(self, counters: Sequence[Counter], key: str, *, repeated: bool = False) -> ConsumeResult:
        """Return what was consumed and what is left. Without counters, nothing is counted."""
        snapshot, features = self.snapshot, self.snapshot.features
        own = next((one for one in counters if one.feature == self.feature.code), None)
        nearest = snapshot.nearest(counters)
        near = EntitlementCheck(self.customer, snapshot, features[nearest.feature]) if nearest is not None else self
        hint = None
        if nearest is not None and nearest.included:
            hint = usage_texts.hint(nearest, near.feature, snapshot.level(nearest, near.feature))
        more = near.upgrades(nearest) if hint is not None else []
        return ConsumeResult(
            customer=self.customer,
            plan=PlanRef.of(snapshot),
            basis=snapshot.standing.basis,
            repeated=repeated,
            feature=self.feature.code,
            meter=self.feature.meter or None,
            quantity=1 if self.quantity is None else self.quantity,
            key=key,
            hint=f"{hint}{_offer(more, snapshot)}" if hint is not None else None,
            upgrades=more,
            limits=[FeatureUsageView.of(snapshot, features[one.feature], one) for one in counters],
            **self._counts(own),
        )

    def _counts(self, counter: Counter | None) -> dict[str, Any]:
        if counter is not None:
            return count(self.snapshot, self.feature, counter)
        return not_counted(self.feature, self.snapshot.has(self.feature).value)

    def upgrades(self, counter: Counter | None) -> list[UpgradeSuggestionView]:
        """What would allow it; for a counted feature, on top of current usage."""
        return [
            UpgradeSuggestionView.of(one, self.feature) for one in suggestions(self.snapshot, self._wanted(counter))
        ]

    def plans(self, counter: Counter | None) -> tuple[Plan, ...]:
        """Current plans that allow it by themselves; with a counter, on top of current usage."""
        return plans_with(self.snapshot.today, self._wanted(counter))

    def _of_itself(self) -> Wanted:
        return Wanted(self.feature) if self.feature.window is not None else self._wanted(None)

    def _wanted(self, counter: Counter | None) -> Wanted:
        if counter is None:
            return Wanted(self.feature, self.quantity, self.value)
        return Wanted(self.feature, counter.used + (self.quantity or 1))

    def helps_to_wait(self, denial: Denial | None, counter: Counter) -> bool:
        """True if this much is allowed once the counter resets: it does, and a whole period has that much."""
        is_limit = denial is Denial.LIMIT_REACHED
        return is_limit and counter.ends is not None and (self.quantity or 1) <= whole(counter)

    def refusal_status_of(self, denial: Denial) -> int:
        is_for_sale = denial is Denial.LIMIT_REACHED and self.feature.limit.is_for_sale
        return STATUS_OF_CODE["quota_used_up" if is_for_sale else denial.value]

    def why(self, denial: Denial, counter: Counter | None) -> str:
        """The reason in words."""
        quantity = self.quantity or 1
        if denial is not Denial.LIMIT_REACHED:
            return usage_texts.of_denial(denial, self.snapshot, self._of_itself())
        if counter is not None:
            return usage_texts.of_limit(counter, self.feature, quantity)
        number = self.snapshot.has(self.feature).value
        return usage_texts.of_number(self.feature, number if isinstance(number, int) else 0, quantity)


def _offer(upgrades: list[UpgradeSuggestionView], snapshot: EntitlementSnapshot) -> str:
    """The best upgrade, as the end of a sentence."""
    if not upgrades:
        return ""
    best = upgrades[0]
    if best.plan is None:
        name = f"{best.units} more of {best.name}"
    else:
        name = usage_texts.plan_in_words(best.plan, best.name, snapshot)
    return f"; with {name} there is no limit" if best.unlimited else f"; with {name} it is {best.limit:,}"
