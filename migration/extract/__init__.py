"""Legacy systems to the raw layer, complete and unchanged."""
