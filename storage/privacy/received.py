"""Events of the provider that were found to be nobody's.

They are of the tenant `default`, whoever they are about, and other tenants do not see them: two functions of the
database, which do, are asked by the provider's ids alone.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Function, Row, Text, cast, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.names import DEFAULT_TENANT
from storage.privacy.whose import Subject


async def read_received(connection: AsyncConnection, subject: Subject) -> Sequence[Row[Any]]:
    """Those about a customer of another tenant that still say something; those of `default` are read with its own."""
    if subject.tenant == DEFAULT_TENANT:
        return ()
    found = _asked(func.tenure_received, subject)
    return (await connection.execute(select(literal_column("*")).select_from(found))).all()


async def empty_received(connection: AsyncConnection, subject: Subject) -> None:
    """Empties them."""
    if subject.tenant != DEFAULT_TENANT:
        await connection.execute(select(_asked(func.tenure_erase_received, subject)))


def _asked(function: Any, subject: Subject) -> Function[Any]:
    refs = (subject.customer_refs, subject.agreement_refs)
    asked: Function[Any] = function(*(cast(list(each), ARRAY(Text)) for each in refs))
    return asked
