"""Images: so many a month, by models and up to a quality that the plan has."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, Field

from examples.social_suite.people import User
from examples.social_suite.studio import Studio
from tenure.client import AsyncTenure, Used
from tenure.client.fastapi import Gate, idempotency_key


class ImageWish(BaseModel):
    prompt: str = Field(min_length=1, max_length=1000)
    model: str = "grok2_basic"
    quality: str = "draft"
    count: int = Field(default=1, ge=1, le=4)


class Images(BaseModel):
    images: list[str]
    left_this_month: int | None
    hint: str | None
    """What to show above the images when the month's are nearly used up."""


def images(tenure: AsyncTenure, gate: Gate, studio: Studio) -> APIRouter:
    router = APIRouter(tags=["Images"])

    async def allowed(wish: ImageWish, user: User) -> ImageWish:
        """The wish, if the plan has its model and its quality: found out before any image is counted."""
        await tenure.require_feature(user, "image_models", value=wish.model)
        await tenure.require_feature(user, "image_quality", value=wish.quality)
        return wish

    @router.get("/models")
    async def models(user: User) -> list[str]:
        return list((await tenure.check(user, "image_models")).available)

    @router.post("/images", status_code=201)
    @gate.consume("images_per_month", quantity=lambda wish: wish.count, key=idempotency_key)
    async def draw(wish: Annotated[ImageWish, Depends(allowed)], user: User, request: Request, used: Used) -> Images:
        named = (user, idempotency_key(request) or used.key)
        # Whoever repeats a request is not charged again, and so gets what was made the first time, and nothing new.
        if not (used.repeated and named in studio.album):
            studio.album[named] = [await _painted(studio, wish) for _ in range(wish.count)]
        return Images(images=studio.album[named], left_this_month=used.remaining, hint=used.hint)

    return router


async def _painted(studio: Studio, wish: ImageWish) -> str:
    try:
        return await studio.paint(wish.prompt, wish.model)
    except ConnectionError:
        raise HTTPException(
            502, "the image could not be drawn; send the request again under its Idempotency-Key"
        ) from None
