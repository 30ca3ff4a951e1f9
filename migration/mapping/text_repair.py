"""Repair of text that was decoded with the wrong encoding (mojibake), and the record of it.

Enters: text that looks garbled. Leaves: the text as it was typed. Must hold: text that does not look garbled is never
touched; the mapping reports each repaired field, so that the raw value can be compared.
Source: ftfy, "fixes text for you" (its plan of decoding steps is deterministic).
"""

import duckdb
import ftfy

GARBLED = "[ÃÂâÅÄðï][\u0080-\u00bf\u0152-\u0178\u2013-\u2122\u20ac]"
"""A lead byte of UTF-8 read as Windows-1252, and a trail byte after it."""

CONFIG = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    remove_control_chars=False,
    normalization=None,
)


def repair_mojibake(text: str) -> str:
    """The text as it was before it was decoded wrongly; unchanged where nothing points to that."""
    return str(ftfy.fix_text(text, CONFIG))


def register_repairs(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `looks_garbled` and `repair_mojibake` known to a DuckDB session."""
    found = f"CASE WHEN strlen(x) = length(x) THEN false ELSE regexp_matches(x, '{GARBLED}') END"  # ASCII never is
    connection.execute(f"CREATE OR REPLACE MACRO looks_garbled(x) AS {found}")
    connection.create_function("repair_mojibake", repair_mojibake, ["VARCHAR"], "VARCHAR")
