"""Synthetic legacy estates and gazetteer, with known truth."""
