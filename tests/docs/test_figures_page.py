"""The page on figures defines them as the answers do."""

from domain.revenue.definitions import SECTIONS
from tests.docs.figures_page import PAGE, written_anew


def test_the_definitions_are_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert written_anew(page) == page, "run `make docs`"


def test_no_two_figures_share_a_name() -> None:
    names = [name for figures in SECTIONS.values() for name in figures]
    assert len(names) == len(set(names))
