"""Gazetteer releases: compiled once, checked, versioned, compared."""
