"""The audit; it requires an API key of role `read_only`, `operator` or `admin`.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from typing import Unpack

from tenure.client.audit import AuditEntry, AuditPage
from tenure.client.core import Core, Steps
from tenure.client.paging import PAGE_SIZE, Listing, Pages
from tenure.client.requests import Call, body_of


def list_audit(
    core: Core,
    *,
    target: str | None = None,
    action: str | None = None,
    actor: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
    **part: Unpack[Listing],
) -> Steps[AuditPage]:
    """Return one page of audit entries, newest first."""
    query = body_of(target=target, action=action, actor=actor, cursor=cursor, limit=limit, **part)
    return core.ask(Call("GET", "/v1/audit", AuditPage, query=query))


def audit(
    core: Core,
    *,
    target: str | None = None,
    action: str | None = None,
    actor: str | None = None,
    **part: Unpack[Listing],
) -> Pages[AuditEntry]:
    """Iterate over audit entries, newest first; pages are fetched as needed."""
    return lambda cursor: list_audit(
        core, target=target, action=action, actor=actor, cursor=cursor, limit=PAGE_SIZE, **part
    )
