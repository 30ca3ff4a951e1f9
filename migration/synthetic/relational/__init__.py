"""Writer of the normalised relational estates: tables with code tables, to SQLite or any SQLAlchemy URL."""
