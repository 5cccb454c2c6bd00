"""Movements of revenue are only added to, as the lines of the journal: figures of the past do not change."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

WAITS = "5s"
"""The longest that a step waits for the table; whoever comes behind waits as long."""
APPEND_ONLY = """
create function mrr_movements_are_append_only() returns trigger language plpgsql as $$
begin
    -- Erasing a customer's data must be done on purpose: it sets this for its own transaction.
    if current_setting('tenure.erasing', true) = 'yes' then
        return coalesce(new, old);
    end if;
    raise exception 'movements of revenue are append-only';
end $$
"""
WATCH = """
create trigger mrr_movements_append_only before update or delete on mrr_movements
    for each row execute function mrr_movements_are_append_only()
"""
WATCH_WHOLE = """
create trigger mrr_movements_never_emptied before truncate on mrr_movements
    for each statement execute function mrr_movements_are_append_only()
"""


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    for statement in (APPEND_ONLY, WATCH, WATCH_WHOLE):
        op.execute(statement)


def downgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    op.execute("drop trigger mrr_movements_never_emptied on mrr_movements")
    op.execute("drop trigger mrr_movements_append_only on mrr_movements")
    op.execute("drop function mrr_movements_are_append_only()")
