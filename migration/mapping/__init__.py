"""Mapping packs: load, check, compile, apply, reject."""
