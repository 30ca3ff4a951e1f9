"""Writer of the file set: pipe-delimited files without quoting, one per table."""
