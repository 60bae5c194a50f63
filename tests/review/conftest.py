"""Every test here that asks for ``ws`` or ``session`` runs on SQLite and on PostgreSQL."""

from tests.homes import ws

__all__ = ["ws"]
