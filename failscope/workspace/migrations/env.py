"""Alembic's way in: it runs on the connection that the store hands over, inside the store's transaction."""

from alembic import context

from failscope.workspace.schema import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True
)
context.run_migrations()
