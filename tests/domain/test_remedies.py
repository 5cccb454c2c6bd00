"""For every difference there is a word on what helps."""

import pytest

from domain.reconciliation.differences import FOR_AN_OPERATOR, DifferenceKind
from domain.reconciliation.remedies import BY_HAND, HEALING, remedy


@pytest.mark.parametrize("kind", DifferenceKind)
def test_every_difference_has_a_remedy(kind: DifferenceKind) -> None:
    is_healable = kind not in FOR_AN_OPERATOR
    assert remedy(kind, is_healable=is_healable)
    assert (kind in HEALING) is is_healable
    assert is_healable or kind in BY_HAND
