"""More figures of the scripted year, by plain arithmetic: `python -m tests.web.expected_figures`.

Reads `scripted_year.csv` and writes `expected_{overview,churn,customers,segments,cohorts}.csv`. Like
`expected_numbers`, it imports nothing of the product. Amounts are annual, in cents, but for `arpu` and `ltv`; rates
have six decimals.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tests.web.expected_numbers import MONTHS, SCRIPT, annual

HERE = Path(__file__).parent
OVERVIEW, CHURN, CUSTOMERS, SEGMENTS, COHORTS = (
    HERE / f"expected_{name}.csv" for name in ("overview", "churn", "customers", "segments", "cohorts")
)
BEGUN, ENDED = ("new", "reactivation", "resume", "opening"), ("churn", "pause")
CHANGED = ("expansion", "contraction")
GROUPS = ("voluntary", "involuntary", "operator", "other")
CHOSEN_SEGMENTS = {
    "plan=starter": re.compile("starter/"),
    "plan=professional": re.compile("professional/"),
    "billing_interval=month": re.compile(r"\w+/month"),
    "billing_interval=year": re.compile(r"\w+/year"),
    "plan=professional billing_interval=month": re.compile("professional/month"),
}
PAID_AGAIN = ("start", "return", "import", "convert", "recover", "resume", "release")
HELD = ("hold", "suspend_nonpayment", "expire_trial")
NOTHING_YET = ("plan_change", "withdraw_change")


@dataclass(frozen=True)
class Moved:
    """One effect: of whom, when, and what was paid for before and after it."""

    who: str
    month: str
    kind: str
    group: str
    before: str
    after: str

    @property
    def delta(self) -> int:
        return worth(self.after) - worth(self.before)


@dataclass
class Standing:
    """Where a customer is when the year ends."""

    status: str = ""
    choice: str = ""
    is_free: bool = False
    is_leaving: bool = False


def worth(choice: str) -> int:
    return annual(choice) if choice else 0


def plan_of(choice: str) -> str:
    return choice.split("/", maxsplit=1)[0]


def acts() -> list[dict[str, str]]:
    with SCRIPT.open(newline="") as file:
        return sorted(csv.DictReader(file), key=lambda act: act["day"])


def moves() -> Iterator[Moved]:
    """All effects of the year, in order."""
    paying: dict[str, str] = {}
    paused: dict[str, str] = {}
    for act in acts():
        for effect in filter(None, act["effect"].split("+")):
            who, (kind, _, group) = act["customer"], effect.partition("/")
            before = paying.pop(who, "")
            if kind == "pause":
                paused[who] = before
            elif kind == "resume":
                paying[who] = paused.pop(who)
            elif kind != "churn":
                paying[who] = act["choice"]
            yield Moved(who, act["day"][:7], kind, group, before, paying.get(who, ""))


def standings() -> dict[str, Standing]:
    """Every customer when the year ends."""
    found: dict[str, Standing] = {}
    for act in acts():
        what = act["act"]
        it = found.setdefault(act["customer"], Standing())
        if what in ("cancel_at_period_end", "undo_cancel"):
            it.is_leaving = what == "cancel_at_period_end"
        elif what not in NOTHING_YET:
            it.choice = act["choice"] if "/" in act["choice"] else it.choice
            it.is_free = what == "move_to_free"
            it.status = _status(what, it.status)
    return found


def _status(act: str, before: str) -> str:
    if act in ("trial", "trial_with_card"):
        return "trialing"
    if act in ("change", "begin_change", "move_to_free"):
        return before
    if act in PAID_AGAIN:
        return "active"
    if act in HELD:
        return "suspended"
    return {"declined": "past_due", "pause": "paused"}.get(act, "canceled")


# What there is when the year ends


def overview() -> Iterator[dict[str, object]]:
    """A row for all, for each plan, each interval and each status."""
    live = [it for it in standings().values() if it.status not in ("canceled", "suspended")]
    rules: list[tuple[str, Callable[[Standing], str]]] = [
        ("all", lambda it: "all"),
        ("plan", lambda it: "free" if it.is_free else plan_of(it.choice)),
        ("billing_interval", lambda it: "month" if it.is_free else re.split(r"[/*+]", it.choice)[1]),
        ("status", lambda it: it.status),
    ]
    for by, name_of in rules:
        for name in sorted({name_of(it) for it in live}):
            yield {"by": by, "name": name, **_sums([it for it in live if name_of(it) == name])}


def _sums(of: list[Standing]) -> dict[str, object]:
    def total(condition: Callable[[Standing], bool]) -> int:
        return sum(worth(it.choice) for it in of if not it.is_free and condition(it))

    paying = [it for it in of if it.status in ("active", "past_due") and not it.is_free]
    return {
        "arr": total(lambda it: it in paying),
        "committed": total(lambda it: it in paying and not it.is_leaving),
        "at_risk": total(lambda it: it.status == "past_due"),
        "paused": total(lambda it: it.status == "paused"),
        "trialing": total(lambda it: it.status == "trialing"),
        "paying_customers": len(paying),
        "free_customers": sum(it.is_free and it.status == "active" for it in of),
        "trialing_customers": sum(it.status == "trialing" for it in of),
    }


# What happened in each month


def churn() -> Iterator[dict[str, object]]:
    """What was lost of what there was at the start of each month, and how much it grew."""
    for month, (start, end), of in _months(bool):
        lost = {kind: -sum(each.delta for each in of if each.kind == kind) for kind in ("churn", "contraction")}
        more = {kind: sum(each.delta for each in of if each.kind == kind) for kind in ("new", "expansion")}
        gross = lost["churn"] + lost["contraction"]
        row: dict[str, object] = {
            "month": month,
            "paying_at_start": len(start),
            "churned_customers": len({each.who for each in of if each.kind == "churn"}),
            "logo_churn": _rate(len({each.who for each in of if each.kind == "churn"}), len(start)),
            "start": _total(start.values()),
            "gross": gross,
            "gross_churn": _rate(gross, _total(start.values())),
            "net_churn": _rate(gross - more["expansion"], _total(start.values())),
            "growth": _rate(_total(end.values()) - _total(start.values()), _total(start.values())),
            "quick_ratio": _rate(more["new"] + more["expansion"], gross),
        }
        for group in GROUPS:
            gone = [each for each in of if each.kind == "churn" and each.group == group]
            row[f"{group}_customers"] = len({each.who for each in gone})
            row[f"{group}_arr"] = -sum(each.delta for each in gone)
        yield row


def customers() -> Iterator[dict[str, object]]:
    for month, (start, end), of in _months(bool):
        row: dict[str, object] = {"month": month, "start": len(start)}
        row |= {kind: sum(each.kind == kind for each in of) for kind in (*BEGUN, *ENDED)}
        yield row | {"end": len(end)}


def segments() -> Iterator[dict[str, object]]:
    """What moved of each of the chosen segments: changes from and to others enter and leave."""
    for name, pattern in CHOSEN_SEGMENTS.items():
        for month, (start, end), of in _months(lambda choice: pattern.match(choice) is not None):  # noqa: B023
            kinds = (*BEGUN, *CHANGED, *ENDED, "entering", "leaving")
            row: dict[str, object] = {"segment": name, "month": month, "start": _total(start.values())}
            row |= dict.fromkeys(kinds, 0)
            for each in of:
                was_in, is_in = (pattern.match(choice) is not None for choice in (each.before, each.after))
                if (was_in or not each.before) and (is_in or not each.after) and (was_in or is_in):
                    row[each.kind] = int(str(row[each.kind])) + abs(each.delta)
                elif is_in:
                    row["entering"] = int(str(row["entering"])) + worth(each.after)
                elif was_in:
                    row["leaving"] = int(str(row["leaving"])) + worth(each.before)
            yield row | {"end": _total(end.values()), "paying_customers": len(end)}


def _months(belongs: Callable[[str], bool]) -> Iterator[tuple[str, tuple[dict[str, str], dict[str, str]], list[Moved]]]:
    """Each month with who paid for what at its start and its end, and what moved in it."""
    found, paying = list(moves()), dict[str, str]()
    for month in MONTHS:
        of = [each for each in found if each.month == month]
        start = {who: choice for who, choice in paying.items() if belongs(choice)}
        for each in of:
            paying.pop(each.who, None)
            if each.after:
                paying[each.who] = each.after
        yield month, (start, {who: choice for who, choice in paying.items() if belongs(choice)}), of


# Who stayed


def cohorts() -> Iterator[dict[str, object]]:
    """Of those who began to pay in one month, with one plan or any: who pays at the end of each month since."""
    firsts: dict[str, Moved] = {}
    for each in moves():
        firsts.setdefault(each.who, each)
    ends = {month: end for month, (_, end), _ in _months(bool)}
    for plan in ("", *sorted({plan_of(each.after) for each in firsts.values()})):
        for cohort in MONTHS:
            began = [each for each in firsts.values() if each.month == cohort and plan in ("", plan_of(each.after))]
            for month in MONTHS[MONTHS.index(cohort) :] if began else ():
                left = {each.who: ends[month][each.who] for each in began if each.who in ends[month]}
                yield {
                    "plan": plan,
                    "cohort": cohort,
                    "customers": len(began),
                    "began_with": sum(worth(each.after) for each in began),
                    "month": month,
                    "retained_customers": len(left),
                    "retained": _total(left.values()),
                }


def _total(choices: Iterable[str]) -> int:
    return sum(worth(choice) for choice in choices)


def _rate(part: int, whole: int) -> str:
    return f"{float(Fraction(part, whole)):.6f}" if whole else ""


def money(year_end: dict[str, object], rates: list[dict[str, object]]) -> dict[str, int]:
    """ARPU, and LTV by the mean logo churn of the three months before December, in cents a month."""
    arpu = Fraction(int(str(year_end["arr"])), 12 * int(str(year_end["paying_customers"])))
    before = [Fraction(int(str(row["churned_customers"])), int(str(row["paying_at_start"]))) for row in rates[-4:-1]]
    mean = sum(before, Fraction()) / 3
    return {"arpu": int(arpu + Fraction(1, 2)), "ltv": int(arpu / mean + Fraction(1, 2))}


def tables() -> dict[Path, list[dict[str, object]]]:
    first, *others = overview()
    rates = list(churn())
    return {
        OVERVIEW: [first | money(first, rates), *others],
        CHURN: rates,
        CUSTOMERS: list(customers()),
        SEGMENTS: list(segments()),
        COHORTS: list(cohorts()),
    }


def main() -> None:
    for file, rows in tables().items():
        with file.open("w", newline="") as out:
            writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
