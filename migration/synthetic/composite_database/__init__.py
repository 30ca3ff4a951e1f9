"""Writer of the composite-key estate: a MariaDB database in latin1 that also holds a retired division's reports."""
