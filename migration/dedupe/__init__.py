"""Nominals to golden nominals: reversible links with evidence."""
