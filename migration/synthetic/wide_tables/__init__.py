"""Writer of the wide tables: a database that repeats the report on every crime, people inline, dates as text."""
