"""Whatever a brand's colour is, what is written on it or in it can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.colours import DARKEST, LIGHTEST, READABLE, contrast, ink_on, readable_on

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def test_black_on_white_has_the_greatest_contrast_and_a_colour_on_itself_none() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#0f766e", "#0F766E") == 1
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@given(COLOURS)
def test_text_on_any_colour_can_be_read(colour: str) -> None:
    assert contrast(ink_on(colour), colour) >= READABLE


@given(COLOURS, st.sampled_from(["#ffffff", "#f0f2f5", "#232c39", "#000000"]))
def test_text_in_a_shade_of_any_colour_can_be_read(colour: str, background: str) -> None:
    assert contrast(readable_on(background, colour), background) >= READABLE


@pytest.mark.parametrize(("colour", "ink"), [("#0f766e", LIGHTEST), ("#FFD400", DARKEST), ("#e00034", LIGHTEST)])
def test_the_ink_suits_the_colour(colour: str, ink: str) -> None:
    assert ink_on(colour) == ink


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    assert readable_on("#ffffff", "#0f766e") == "#0f766e"
