"""Posts: limited per day and per week by one meter; bulk posts from Pro on."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from examples.social_suite.people import User
from examples.social_suite.studio import Studio
from tenure.client import Used
from tenure.client.fastapi import Gate


class Post(BaseModel):
    text: str = Field(min_length=1, max_length=280)


class Posts(BaseModel):
    posts: list[Post] = Field(min_length=1, max_length=50)


class Posted(BaseModel):
    posted: int
    left: dict[str, int | None]
    """What is left of today's and this week's."""


def posts(gate: Gate, studio: Studio) -> APIRouter:
    router = APIRouter(prefix="/posts", tags=["Posts"])

    @router.post("", status_code=201)
    @gate.consume("posts_per_day")
    async def post(post: Post, user: User, used: Used) -> Posted:
        return _posted(studio, user, [post], used)

    @router.post("/bulk", status_code=201)
    @gate.consume("posts_per_day", quantity=lambda posts: len(posts.posts))
    @gate.require_feature("bulk_operations")
    async def post_many(posts: Posts, user: User, used: Used) -> Posted:
        return _posted(studio, user, posts.posts, used)

    @router.get("/analytics", dependencies=[gate.require_active_subscription()])
    @gate.require_plan("pro")
    def analytics(user: User) -> dict[str, int]:
        return {"posts": len(studio.posts.get(user, ()))}

    return router


def _posted(studio: Studio, user: str, some: list[Post], used: Used) -> Posted:
    studio.posts.setdefault(user, []).extend(post.text for post in some)
    return Posted(posted=len(some), left={one.feature: one.remaining for one in used.limits})
