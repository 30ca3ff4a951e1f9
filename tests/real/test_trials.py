"""Real open data through the whole road: the ledger closes to the row, and independent SQL over the source agrees."""
