"""Runs a migration on the connection it is handed; who calls it decides on transaction and locks."""

from alembic import context

from storage.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
