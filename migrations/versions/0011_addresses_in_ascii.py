"""Addresses have their domain in ASCII (IDNA 2008); trials begun with one that had not are known by that too."""

import hashlib
import unicodedata

import sqlalchemy as sa
from alembic import op
from email_validator import EmailNotValidError, validate_email
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OTHERS = r"""
select c.id, c.tenant, c.email, t.subscription, t.at
    from customers c
    left join lateral (
        select t.subscription, t.at from trials t join subscriptions s on s.id = t.subscription
            where s.customer = c.id and t.kind = 'email' order by t.at limit 1
    ) t on true
    where split_part(c.email, '@', 2) ~ '[^\x01-\x7f]'
"""
TRIALS = sa.table("trials", *(sa.column(name) for name in ("tenant", "kind", "digest", "subscription", "at")))


def upgrade() -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.text(OTHERS)).all():
        local, _, domain = row.email.rpartition("@")
        try:
            domain = validate_email(f"x@{domain}", check_deliverability=False, test_environment=True).ascii_domain
        except EmailNotValidError:
            continue  # no mail could ever be sent there; it stays as it is
        connection.execute(
            sa.text("update customers set email = :email where id = :id"), {"email": f"{local}@{domain}", "id": row.id}
        )
        if row.subscription is not None:
            mark = hashlib.sha256("\0".join((row.tenant, "email", f"{_mailbox(local)}@{domain}")).encode()).hexdigest()
            values = {"tenant": row.tenant, "kind": "email", "digest": mark, "subscription": row.subscription}
            op.execute(postgresql.insert(TRIALS).values(values | {"at": row.at}).on_conflict_do_nothing())


def _mailbox(local: str) -> str:
    """What stands before the @ in a mark, as the code of this release folds it."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", local).casefold()).strip()
    return folded.partition("+")[0] or folded


def downgrade() -> None:
    """Nothing: earlier code takes such addresses as well, and marks that are too many harm nobody."""
