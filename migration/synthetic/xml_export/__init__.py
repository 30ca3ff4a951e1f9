"""Writer of the XML export: one file of reports per year and one of nominals."""
