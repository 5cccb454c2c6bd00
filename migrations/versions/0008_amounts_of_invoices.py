"""What an invoice came to: its total, what was due, paid and credited, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

AMOUNTS = ("total", "amount_due", "amount_paid", "credit_applied")
MOMENTS = ("issued_at", "paid_at")


def upgrade() -> None:
    for name in AMOUNTS:
        op.add_column("invoices", sa.Column(name, sa.BigInteger(), nullable=True))
    for name in MOMENTS:
        op.add_column("invoices", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_reversals_invoice", "reversals", ["tenant", "invoice"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_reversals_invoice", "reversals")
    for name in (*MOMENTS, *AMOUNTS):
        op.drop_column("invoices", name)
