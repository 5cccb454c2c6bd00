"""The page on roles says what the endpoints say."""

from api.http.auth import roles_of
from storage.access.api_keys import Role
from tests.docs.roles_page import PAGE, ROLES, WHAT, endpoints, method_of, page, shown_path


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_role_is_explained() -> None:
    assert set(ROLES) == set(WHAT) == set(Role)


def test_every_endpoint_has_a_row_that_says_who_may_call_it() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    cells = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in lines}

    for route in endpoints():
        marks = cells[f"`{method_of(route)} {shown_path(route)}`"]
        assert {role for role, mark in zip(ROLES, marks, strict=True) if mark == "x"} == set(roles_of(route.dependant))
