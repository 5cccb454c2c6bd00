"""Assembles the product."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI

from examples.social_suite.images import images
from examples.social_suite.people import current_user
from examples.social_suite.plan_page import plan_page
from examples.social_suite.posts import posts
from examples.social_suite.profiles import profiles
from examples.social_suite.standings import Standings, hooks
from examples.social_suite.studio import Studio
from tenure.client import AsyncTenure
from tenure.client.fastapi import Gate, answer_refusals


def create_app(tenure: AsyncTenure, studio: Studio | None = None, *, secrets: Sequence[str] = ()) -> FastAPI:
    """Return the application; it closes the client on shutdown.

    With the *secrets* of a webhook endpoint it takes events, and keeps its copy of standings by them.
    """
    studio = studio or Studio()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with tenure:
            yield

    app = FastAPI(title="Social suite", lifespan=lifespan)
    answer_refusals(app)
    gate = Gate(tenure, customer=current_user)
    for router in (
        images(tenure, gate, studio),
        profiles(tenure, gate, studio),
        posts(gate, studio),
        plan_page(tenure),
        hooks(tenure, Standings(), secrets),
    ):
        app.include_router(router)
    return app
