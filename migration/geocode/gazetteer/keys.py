"""Comparison keys of gazetteer entries: streets, names and flats read by the same code that reads addresses.

Enters: the table `lpi`. Leaves: `lpi_key`, `lpi` with `row_no`, name keys, flat code and unit class, one row per row.
Must hold: an entry and an address that write the same thing get the same key. Only distinct values are read in Python.
"""

from collections.abc import Callable

import duckdb
import pyarrow as pa

from migration.geocode.flats import identifier_code, read_sub_building
from migration.geocode.postcodes import format_postcode
from migration.geocode.text import BREAK, SLASH, name_key, tokenise

NAMED = "~"
"""Begins the code of a sub-building that is neither number, letter, floor nor side (`~CARETAKERS HSE`)."""
_SAO = ("sao_text", "sao_start_number", "sao_start_suffix", "sao_end_number", "sao_end_suffix")


def add_keys(connection: duckdb.DuckDBPyConnection) -> None:
    """Create `lpi_key` from `lpi`."""
    for column, target in (
        ("street_description", "street_key"),
        ("locality", "locality_key"),
        ("town", "town_key"),
        ("administrative_area", "admin_key"),
        ("pao_text", "name_key"),
        ("organisation", "org_key"),
    ):
        _add_map(connection, column, target, name_key)
    _add_map(connection, "postcode", "postcode_key", lambda text: format_postcode(text) or "")
    _add_flats(connection)
    joins = " ".join(f"LEFT JOIN map_{target} ON map_{target}.value = l.{column}" for column, target in _MAPPED)
    same = " AND ".join(f"f.{c} IS NOT DISTINCT FROM l.{c}" for c in _SAO)
    keys = ", ".join(f"coalesce(map_{target}.key, '') AS {target}" for _, target in _MAPPED)
    connection.execute(
        f"CREATE TABLE lpi_key AS SELECT l.*, {keys}, coalesce(f.flat, '') AS flat, coalesce(f.unit, '') AS unit "
        f"FROM lpi l {joins} LEFT JOIN map_flat f ON {same}"
    )
    for _, target in _MAPPED:
        connection.execute(f"DROP TABLE map_{target}")
    connection.execute("DROP TABLE map_flat")


_MAPPED = (
    ("street_description", "street_key"),
    ("locality", "locality_key"),
    ("town", "town_key"),
    ("administrative_area", "admin_key"),
    ("pao_text", "name_key"),
    ("organisation", "org_key"),
    ("postcode", "postcode_key"),
)


def _add_map(connection: duckdb.DuckDBPyConnection, column: str, target: str, read: Callable[[str], str]) -> None:
    query = f"SELECT DISTINCT {column} FROM lpi WHERE {column} IS NOT NULL ORDER BY 1"
    values = [str(r[0]) for r in connection.execute(query).fetchall()]
    table = pa.table({"value": pa.array(values, pa.string()), "key": pa.array([read(v) for v in values], pa.string())})
    connection.register("keys", table)
    connection.execute(f"CREATE TABLE map_{target} AS SELECT * FROM keys")
    connection.unregister("keys")


def _add_flats(connection: duckdb.DuckDBPyConnection) -> None:
    query = f"SELECT DISTINCT {', '.join(_SAO)} FROM lpi"
    rows = connection.execute(query).fetchall()
    codes = [flat_of_entry(*row) for row in rows]
    kinds = (pa.string(), pa.int32(), pa.string(), pa.int32(), pa.string())
    arrays = {name: pa.array([r[i] for r in rows], kinds[i]) for i, name in enumerate(_SAO)}
    arrays["flat"] = pa.array([c[0] for c in codes], pa.string())
    arrays["unit"] = pa.array([c[1] for c in codes], pa.string())
    connection.register("flats", pa.table(arrays))
    connection.execute("CREATE TABLE map_flat AS SELECT * FROM flats")
    connection.unregister("flats")


def flat_of_entry(
    text: str | None, start: int | None, suffix: str | None, end: int | None, end_suffix: str | None
) -> tuple[str, str]:
    """Flat code and unit class of an entry's secondary addressable object; ("", "") where it has none."""
    number = "" if start is None else f"{start}{(suffix or '').upper()}"
    if end is not None:
        number = f"{number}-{end}{(end_suffix or '').upper()}"
    if not text:
        return (identifier_code(number) or number, "") if number else ("", "")
    tokens = tokenise(f"{text} {number}") if number else tokenise(text)
    read = read_sub_building(tokens, 0) if tokens else None
    if read is not None and read[2] >= len(tokens):
        return read[0], read[1]
    plain = identifier_code(tokens[0]) if len(tokens) == 1 else None
    if plain is not None:
        return plain, ""
    name = " ".join(t for t in tokens if t not in (BREAK, SLASH))
    return f"{NAMED}{name}", read[1] if read else ""
