"""Versions of the national database (Alembic)."""
