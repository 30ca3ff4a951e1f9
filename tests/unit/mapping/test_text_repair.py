"""Garbled text is repaired; everything else is left as it is."""

import duckdb
import pytest

from migration.mapping.text_repair import repair_mojibake


@pytest.mark.parametrize("text", ["café", "RENÉE", "Séan Ó Súilleabháin", "Łukasz", "naïve"])
def test_text_decoded_with_the_wrong_encoding_is_repaired(text: str) -> None:
    assert repair_mojibake(text.encode().decode("latin-1")) == text


@pytest.mark.parametrize("text", ["Café", "MÜLLER", "O'Neil & Sons", "“quoted”", "plain", "A  B", "&amp;"])
def test_sound_text_is_not_touched(text: str, session: duckdb.DuckDBPyConnection) -> None:
    assert repair_mojibake(text) == text
    row = session.execute("SELECT looks_garbled(?)", [text]).fetchone()
    assert row == (False,)


def test_garbled_text_is_found_before_it_is_repaired(session: duckdb.DuckDBPyConnection) -> None:
    row = session.execute("SELECT looks_garbled(x), repair_mojibake(x) FROM (SELECT 'RenÃ©e' AS x)").fetchone()
    assert row == (True, "Renée")
