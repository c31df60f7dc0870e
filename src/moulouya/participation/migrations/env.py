"""Alembic's environment: the connection is given by ``moulouya.participation.database``."""

from alembic import context

from moulouya.participation.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
