"""Location descriptions to the gazetteer, or an honest refusal."""
