"""The schema's history, one file a step, run by Alembic when a workspace is opened."""
