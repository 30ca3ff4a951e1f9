"""Writer of the effective-dated estate: a database per division in which reports and nominals have versions."""
