"""Every test here that asks for ``home`` or ``ws`` runs on SQLite and on PostgreSQL."""

from tests.homes import ws

__all__ = ["ws"]
