"""Images: a monthly number, with the models and quality of the plan."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, Field

from examples.social_suite.people import User
from examples.social_suite.studio import Studio
from tenure.client import AsyncTenure, Used
from tenure.client.fastapi import Gate, idempotency_key


class ImageRequest(BaseModel):
    prompt: str = Field(min_length=1, max_length=1000)
    model: str = "grok2_basic"
    quality: str = "draft"
    count: int = Field(default=1, ge=1, le=4)


class Images(BaseModel):
    images: list[str]
    left_this_month: int | None
    hint: str | None
    """Shown above the images when this month's are nearly used up."""


def images(tenure: AsyncTenure, gate: Gate, studio: Studio) -> APIRouter:
    router = APIRouter(tags=["Images"])

    async def allowed(image: ImageRequest, user: User) -> ImageRequest:
        """Check that the plan has the model and quality, before any image is counted."""
        await tenure.require_feature(user, "image_models", value=image.model)
        await tenure.require_feature(user, "image_quality", value=image.quality)
        return image

    @router.get("/models")
    async def models(user: User) -> list[str]:
        return list((await tenure.check(user, "image_models")).available)

    @router.post("/images", status_code=201)
    @gate.consume("images_per_month", quantity=lambda image: image.count, key=idempotency_key)
    async def draw(
        image: Annotated[ImageRequest, Depends(allowed)], user: User, request: Request, used: Used
    ) -> Images:
        named = (user, idempotency_key(request) or used.key)
        # A repeated request is not counted again, and returns the images of the first one.
        if not (used.repeated and named in studio.album):
            studio.album[named] = [await _paint_or_fail(studio, image) for _ in range(image.count)]
        return Images(images=studio.album[named], left_this_month=used.remaining, hint=used.hint)

    return router


async def _paint_or_fail(studio: Studio, image: ImageRequest) -> str:
    try:
        return await studio.paint(image.prompt, image.model)
    except ConnectionError:
        raise HTTPException(
            502, "the image could not be generated; repeat the request with the same Idempotency-Key"
        ) from None
