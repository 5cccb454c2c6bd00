"""How many customers moved in each day and each year, too: neither can be added up from months."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

KEY = ["tenant", "length", "month", "currency", "plan", "kind", "end_kind"]


def upgrade() -> None:
    op.add_column("mrr_movers", sa.Column("length", sa.Text(), server_default="month", nullable=False))
    op.drop_constraint("pk_mrr_movers", "mrr_movers", type_="primary")
    op.create_primary_key("pk_mrr_movers", "mrr_movers", KEY)
    # Everything is counted again. Until then figures are read from the movements themselves.
    op.execute("DELETE FROM mrr_movers")
    op.execute("DELETE FROM mrr_roll_up")


def downgrade() -> None:
    op.execute("DELETE FROM mrr_movers WHERE length <> 'month'")
    op.drop_constraint("pk_mrr_movers", "mrr_movers", type_="primary")
    op.drop_column("mrr_movers", "length")
    op.create_primary_key("pk_mrr_movers", "mrr_movers", [name for name in KEY if name != "length"])
