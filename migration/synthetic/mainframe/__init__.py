"""Writer of the mainframe extracts: EBCDIC segments behind record descriptor words, with their copybook."""
