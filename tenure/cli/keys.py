"""`tenure keys`."""

import asyncio

from configuration.loading import Process, load_settings
from storage.access.api_keys import ApiKeys, Role
from tenure.cli.connections import database


def create(*, role: Role, name: str = "") -> None:
    """Create an API key and print it; it cannot be shown again.

    Parameters
    ----------
    role
        What the key permits.
    name
        What the key is for.
    """
    print(asyncio.run(_create(role, name)))


async def _create(role: Role, name: str) -> str:
    async with database(load_settings(Process.KEYS)) as engine:
        return await ApiKeys(engine).create(role, name or role)
