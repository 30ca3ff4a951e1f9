"""Writer of the wide export: one pipe-delimited Windows-1252 file per year, one row per crime report."""
