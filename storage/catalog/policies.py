"""Published policies, by their version: two processes never offer different policies under one version."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import Rejected
from domain.subscription.policy import DEFAULT_POLICY, Policy
from storage.db.engine import Scope, transaction
from storage.schema.usage_tables import policy_versions

_POLICY = TypeAdapter(Policy)


def policy_to_json(policy: Policy) -> dict[str, Any]:
    found: dict[str, Any] = _POLICY.dump_python(policy, mode="json")
    return found


def policy_from_json(content: Mapping[str, Any]) -> Policy:
    return _POLICY.validate_python(content)


class Policies:
    """Publishes and compares policies. A subscription keeps its own copy of the policy that it began under."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def publish(self, policy: Policy, *, in_place: bool = False) -> bool:
        """Publishes a policy under its version. Returns whether anything was new. Safe to repeat.

        Raises:
            Rejected: code `policy_differs`; a policy of this version was published with other content, and *in_place*
                is not set.
        """
        table, content = policy_versions, policy_to_json(policy)
        async with transaction(self._engine) as connection:
            made = insert(table).values(version=policy.version, content=content).on_conflict_do_nothing()
            if (await connection.execute(made.returning(table.c.version))).first() is not None:
                return True
            where = table.c.version == policy.version
            known = (await connection.execute(select(table.c.content).where(where).with_for_update())).scalar_one()
            # Not by the stored text: an earlier release's lacks later additions.
            if policy_from_json(known) == policy:
                return False
            if not in_place:
                raise _differs(policy)
            await connection.execute(
                table.update().where(where).values(content=content, published_at=func.clock_timestamp())
            )
        return True

    async def published(self, version: str) -> Policy:
        """Returns the policy of a version.

        Raises:
            Rejected: code `unknown_policy`; none was published under it.
        """
        wanted = select(policy_versions.c.content).where(policy_versions.c.version == version)
        async with transaction(self._engine, Scope.INSTALLATION) as connection:
            content = (await connection.execute(wanted)).scalar_one_or_none()
        if content is None:
            raise Rejected(
                f"there is no policy {version!r}: publish it with `tenure policy push`", code="unknown_policy"
            )
        return policy_from_json(content)

    async def check(self, policy: Policy) -> None:
        """Does nothing if the policy is published like this, or not at all.

        Raises:
            Rejected: as with `publish`.
        """
        wanted = select(policy_versions.c.content).where(policy_versions.c.version == policy.version)
        async with transaction(self._engine) as connection:
            known = (await connection.execute(wanted)).scalar_one_or_none()
        if known is not None and policy_from_json(known) != policy:
            raise _differs(policy)


async def newest_policy(connection: AsyncConnection) -> Policy:
    """The policy that was published last, for processes without a policy file; the default one if none is."""
    it = policy_versions.c
    wanted = select(it.content).order_by(it.published_at.desc()).limit(1)
    content = (await connection.execute(wanted)).scalar_one_or_none()
    return DEFAULT_POLICY if content is None else policy_from_json(content)


def _differs(policy: Policy) -> Rejected:
    return Rejected(
        f"policy {policy.version} was published with other content: give the changed policy another version, or use "
        "`tenure policy push --in-place` if every process is to use this content under the same version",
        code="policy_differs",
    )
