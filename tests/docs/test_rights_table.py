"""The table of rights that people read is the one that the database has and the routes ask for."""

from __future__ import annotations

from tests.docs.write_rights import allowed_by, matrix, rendered, routes, told


async def test_the_page_tells_what_the_matrix_allows(database_url: str) -> None:
    assert told() == rendered(await allowed_by(database_url)), "run: python -m tests.docs.write_rights"


def test_every_route_asks_for_an_action_that_somebody_has() -> None:
    known = matrix()
    assert [f"{method} {route.path}" for method, route in routes() if not known.get(route.action)] == []


def test_a_greater_role_may_all_that_a_lesser_one_may() -> None:
    for action, roles in matrix().items():
        assert roles in ({"owner"}, {"owner", "editor"}, {"owner", "editor", "viewer"}), action
