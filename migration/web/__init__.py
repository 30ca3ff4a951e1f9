"""Pages over runs and evidence."""
