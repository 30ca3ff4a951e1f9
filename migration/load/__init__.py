"""The national PostgreSQL: stage, publish, roll back."""
