"""Social profiles: a limited number, on the platforms of the plan."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, Field

from examples.social_suite.people import User
from examples.social_suite.studio import Studio
from tenure.client import AsyncTenure
from tenure.client.fastapi import Gate


class Profile(BaseModel):
    platform: str
    handle: str = Field(pattern=r"^\w+$")

    @property
    def name(self) -> str:
        return f"{self.platform}:{self.handle}"


def profiles(tenure: AsyncTenure, gate: Gate, studio: Studio) -> APIRouter:
    router = APIRouter(prefix="/profiles", tags=["Profiles"])

    async def allowed(profile: Profile, user: User) -> Profile:
        await tenure.require_feature(user, "platforms", value=profile.platform)
        return profile

    @router.get("")
    async def connected(user: User) -> list[str]:
        return sorted(studio.profiles.get(user, ()))

    @router.post("", status_code=201)
    @gate.consume("social_profiles")
    async def connect(profile: Annotated[Profile, Depends(allowed)], user: User) -> Profile:
        own = studio.profiles.setdefault(user, set())
        if profile.name in own:
            raise HTTPException(409, "this profile is already connected")  # the gate releases its place
        own.add(profile.name)
        return profile

    @router.delete("/{name}", status_code=204)
    async def disconnect(name: str, user: User) -> None:
        own = studio.profiles.get(user, set())
        if name not in own:
            raise HTTPException(404, "this profile is not connected")
        await tenure.release(user, "social_profiles")
        own.discard(name)

    return router
