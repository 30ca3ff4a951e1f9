"""The national schema and everything computed from it."""
