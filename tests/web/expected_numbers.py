"""What a scripted year of thirty lives comes to, by plain arithmetic: `python -m tests.web.expected_numbers`.

Reads `scripted_year.csv` and writes `expected_numbers.csv`. It imports nothing of the product, so that the figures of
the product can be held against it. The effect of each act is written in the script by hand, from the definitions of
docs/metrics.md; here its amount is worked out and summed. All amounts are annual, in cents.
"""

import csv
import re
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
SCRIPT, EXPECTED = HERE / "scripted_year.csv", HERE / "expected_numbers.csv"

MONTHLY = {"starter": 4900, "professional": 19900, "enterprise": 99900, "users": 500, "plants": 2500}
YEARLY_SHARE = 0.9
"""A year costs twelve months less ten percent."""

UPWARDS = ("new", "expansion", "reactivation", "resume", "opening")
DOWNWARDS = ("contraction", "churn", "pause")
GROUPS = ("voluntary", "involuntary", "operator", "other")
MONTHS = [f"2025-{month:02}" for month in range(1, 13)]


def annual(choice: str) -> int:
    """The annual price of `plan/interval[*quantity][+add_on:units]...`."""
    parts = re.fullmatch(r"(\w+)/(month|year)(?:\*(\d+))?((?:\+\w+:\d+)*)", choice)
    assert parts is not None, choice
    plan, interval, quantity, add_ons = parts.groups()
    month = MONTHLY[plan] * int(quantity or 1)
    for add_on in add_ons.split("+")[1:]:
        name, units = add_on.split(":")
        month += MONTHLY[name] * int(units)
    return round(month * 12 * YEARLY_SHARE) if interval == "year" else month * 12


def table() -> list[dict[str, object]]:
    """One row a month: annual amounts that came and went by kind, the customers of each, and what stood at the end."""
    amounts: dict[tuple[str, str], int] = defaultdict(int)
    customers: dict[tuple[str, str], set[str]] = defaultdict(set)
    paying: dict[str, int] = {}
    paused: dict[str, int] = {}
    ends: dict[str, tuple[int, int, int]] = {}
    with SCRIPT.open(newline="") as file:
        acts = sorted(csv.DictReader(file), key=lambda act: act["day"])
    for month in MONTHS:
        for act in acts:
            if act["day"][:7] == month and act["effect"]:
                _take(act, month, paying, paused, amounts, customers)
        ends[month] = sum(paying.values()), len(paying), sum(paused.values())
    rows: list[dict[str, object]] = []
    start = 0
    for month in MONTHS:
        end, count, held = ends[month]
        row: dict[str, object] = {"month": month, "start": start}
        for kind in (*UPWARDS, *DOWNWARDS, *(f"churn_{group}" for group in GROUPS)):
            row[kind] = amounts[month, kind]
            row[f"{kind}_customers"] = len(customers[month, kind])
        rows.append(row | {"end": end, "paying_customers": count, "paused": held})
        start = end
    return rows


def _take(
    act: dict[str, str],
    month: str,
    paying: dict[str, int],
    paused: dict[str, int],
    amounts: dict[tuple[str, str], int],
    customers: dict[tuple[str, str], set[str]],
) -> None:
    who = act["customer"]
    for effect in act["effect"].split("+"):
        kind, _, group = effect.partition("/")
        before = paying.pop(who, 0)
        if kind in ("pause", "churn"):
            moved = before
            if kind == "pause":
                paused[who] = before
        elif kind == "resume":
            moved = paying[who] = paused.pop(who)
        else:
            paying[who] = annual(act["choice"])
            moved = abs(paying[who] - before)
            assert (paying[who] > before) is (kind != "contraction"), act
        assert moved > 0, act
        for name in (kind, f"{kind}_{group}") if group else (kind,):
            amounts[month, name] += moved
            customers[month, name].add(who)


def main() -> None:
    rows = table()
    for row in rows:
        up = sum(int(str(row[kind])) for kind in UPWARDS)
        down = sum(int(str(row[kind])) for kind in DOWNWARDS)
        assert int(str(row["start"])) + up - down == row["end"], row
    with EXPECTED.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
