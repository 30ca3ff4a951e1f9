"""Any two tables compared by key: rows, keys, columns and cells, values masked.

Enters: two relations of one DuckDB session and the key columns. Leaves: `Comparison`. Must hold: equal tables compare
equal whatever the order of rows and columns; NULL equals NULL and nothing else; a key that occurs twice is counted and
its rows are left out of the cell comparison, so that no pair is matched by chance. Refuses: a key column that one side
lacks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from migration.errors import ConfigError
from migration.fingerprint import quote

SHOWN = 10
NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "UINTEGER", "FLOAT", "DOUBLE", "DECIMAL")


@dataclass(frozen=True)
class Options:
    """How cells are compared. `tolerance` is absolute, for numbers; `ignored` columns are left out."""

    ignored: frozenset[str] = frozenset()
    tolerance: float = 0.0
    trim: bool = False
    ignore_case: bool = False


@dataclass(frozen=True)
class Difference:
    """Cells of one column that differ: how many, the first keys, and both values as shapes (letters x, digits 9)."""

    column: str
    cells: int
    keys: tuple[str, ...]
    shapes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Comparison:
    """What two tables have in common and what not."""

    key: tuple[str, ...]
    left_rows: int
    right_rows: int
    matched: int
    only_left: int
    only_right: int
    doubled_left: int
    doubled_right: int
    only_left_keys: tuple[str, ...]
    only_right_keys: tuple[str, ...]
    columns_only_left: tuple[str, ...]
    columns_only_right: tuple[str, ...]
    differing_rows: int
    differences: tuple[Difference, ...]

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        lone = self.only_left + self.only_right + self.doubled_left + self.doubled_right
        return not (lone or self.columns_only_left or self.columns_only_right or self.differing_rows)


def compare_tables(
    session: duckdb.DuckDBPyConnection, left: str, right: str, key: Sequence[str], options: Options | None = None
) -> Comparison:
    """Compare two relations (`read_parquet('...')`, a table name) by the columns of `key`.

    Raises:
        ConfigError: no key, or a key column that one side lacks.
    """
    chosen = options or Options()
    left_types, right_types = (_read_types(session, r) for r in (left, right))
    _check_key(key, left_types, right_types)
    shared = [c for c in left_types if c in right_types and c not in key and c not in chosen.ignored]
    tests = {c: _differs_sql(c, left_types[c], right_types[c], chosen) for c in shared}
    doubled = [_make_rows(session, side, relation, key) for side, relation in (("l", left), ("r", right))]
    _find_candidates(session, left, right, key, {c: (left_types[c], right_types[c]) for c in shared}, chosen)
    _pair_candidates(session, left, right, key, shared)
    counts = _count(session, tests)
    rows = [_one(session, f"SELECT count(*) FROM {relation}") for relation in (left, right)]
    return Comparison(
        key=tuple(key),
        left_rows=rows[0],
        right_rows=rows[1],
        matched=rows[0] - doubled[0] - counts["only_left"],
        only_left=counts["only_left"],
        only_right=counts["only_right"],
        doubled_left=doubled[0],
        doubled_right=doubled[1],
        only_left_keys=_lone_keys(session, "NOT in_right"),
        only_right_keys=_lone_keys(session, "NOT in_left"),
        columns_only_left=tuple(c for c in left_types if c not in right_types and c not in chosen.ignored),
        columns_only_right=tuple(c for c in right_types if c not in left_types and c not in chosen.ignored),
        differing_rows=counts["differing"],
        differences=tuple(
            _describe(session, c, counts[f"c{n}"], tests[c]) for n, c in enumerate(shared) if counts[f"c{n}"]
        ),
    )


def _read_types(session: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    rows = session.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {str(r[0]): str(r[1]) for r in rows}


def _check_key(key: Sequence[str], left: dict[str, str], right: dict[str, str]) -> None:
    if not key:
        raise ConfigError("compare", "no key", "the columns that name a row", "Name them with --key.")
    for side, types in (("left", left), ("right", right)):
        missing = [c for c in key if c not in types]
        if missing:
            found = f"no column {', '.join(missing)} on the {side}"
            raise ConfigError("compare", found, "key columns that both sides have", "Correct --key.")


def _make_rows(session: duckdb.DuckDBPyConnection, side: str, relation: str, key: Sequence[str]) -> int:
    """A table of the keys that occur more than once on a side; returns the rows that have them."""
    names = ", ".join(quote(c) for c in key)
    session.execute(
        f"CREATE OR REPLACE TEMP TABLE {side}_doubled AS SELECT {names}, count(*) AS n FROM {relation} "
        f"GROUP BY {names} HAVING count(*) > 1"
    )
    return _one(session, f"SELECT coalesce(sum(n), 0) FROM {side}_doubled")


def _find_candidates(
    session: duckdb.DuckDBPyConnection,
    left: str,
    right: str,
    key: Sequence[str],
    types: dict[str, tuple[str, str]],
    options: Options,
) -> None:
    """A table of the keys whose rows may differ: lone ones, and those whose 64-bit row hashes differ.

    Keys and hashes only are joined, so neither side's columns are held in memory. With a tolerance no hash can
    tell, and every key is a candidate.
    """
    names = ", ".join(quote(c) for c in key)
    for side, relation in (("l", left), ("r", right)):
        parts = [_hashed_sql(c, pair, options) for c, pair in types.items()]
        row_hash = f"hash({', '.join(parts)})" if parts else "0"
        rows = f"SELECT {names}, {row_hash} AS h FROM {relation} t"
        if _one(session, f"SELECT count(*) FROM {side}_doubled"):
            rows += f" WHERE NOT EXISTS (SELECT 1 FROM {side}_doubled d WHERE {_same_key(key, 'd', 't')})"
        session.execute(f"CREATE OR REPLACE TEMP TABLE {side}_hashes AS {rows}")
    chosen = ", ".join(f"coalesce(l.{quote(c)}, r.{quote(c)}) AS {quote(c)}" for c in key)
    differs = "TRUE" if options.tolerance else "l.h IS NULL OR r.h IS NULL OR l.h <> r.h"
    session.execute(
        f"CREATE OR REPLACE TEMP TABLE candidates AS SELECT {chosen}, l.h IS NOT NULL AS in_left, "
        f"r.h IS NOT NULL AS in_right FROM l_hashes l FULL JOIN r_hashes r ON {_same_key(key, 'l', 'r')} "
        f"WHERE {differs}"
    )


def _same_key(key: Sequence[str], one: str, other: str) -> str:
    return " AND ".join(f"{one}.{quote(c)} IS NOT DISTINCT FROM {other}.{quote(c)}" for c in key)


def _hashed_sql(column: str, types: tuple[str, str], options: Options) -> str:
    """What a column adds to its row's hash: equal for values that compare equal."""
    name, (left, right) = quote(column), types
    if left == right == "VARCHAR":
        for used, function in ((options.trim, "trim"), (options.ignore_case, "lower")):
            name = f"{function}({name})" if used else name
        return name
    if left == right:
        return name
    return f"{name}::DOUBLE" if left.startswith(NUMERIC) and right.startswith(NUMERIC) else f"{name}::VARCHAR"


def _pair_candidates(
    session: duckdb.DuckDBPyConnection, left: str, right: str, key: Sequence[str], shared: Sequence[str]
) -> None:
    """A table `pairs` of both sides' cells of the candidates."""
    text = " || '|' || ".join(f"coalesce(c.{quote(k)}::VARCHAR, '')" for k in key)
    columns = "".join(f", {side}.{quote(c)} AS {quote(f'{side}.{c}')}" for side in "lr" for c in shared)
    joins = ""
    for side, relation, flag in (("l", left, "in_left"), ("r", right, "in_right")):
        mine = f"(SELECT * FROM candidates WHERE {flag}) x"
        rows = f"SELECT t.* FROM {relation} t SEMI JOIN {mine} ON {_same_key(key, 'x', 't')}"
        joins += f" LEFT JOIN ({rows}) {side} ON {_same_key(key, 'c', side)}"
    session.execute(
        f"CREATE OR REPLACE TEMP TABLE pairs AS SELECT {text} AS k, c.in_left, c.in_right{columns} "
        f"FROM candidates c{joins}"
    )


def _differs_sql(column: str, left_type: str, right_type: str, options: Options) -> str:
    left, right = quote(f"l.{column}"), quote(f"r.{column}")
    is_number = left_type.startswith(NUMERIC) and right_type.startswith(NUMERIC)
    if is_number and options.tolerance:
        both = f"{left} IS NOT NULL AND {right} IS NOT NULL"
        within = f"abs({left}::DOUBLE - {right}::DOUBLE) <= {options.tolerance!r}"
        return f"({left} IS DISTINCT FROM {right} AND NOT coalesce({both} AND {within}, FALSE))"
    if left_type != right_type and not is_number:
        left, right = f"{left}::VARCHAR", f"{right}::VARCHAR"
    if left_type == right_type == "VARCHAR":
        for used, function in ((options.trim, "trim"), (options.ignore_case, "lower")):
            left, right = (f"{function}({left})", f"{function}({right})") if used else (left, right)
    return f"({left} IS DISTINCT FROM {right})"


def _count(session: duckdb.DuckDBPyConnection, tests: dict[str, str]) -> dict[str, int]:
    """All counts in one pass over the pairs."""
    both = "in_left AND in_right"
    any_test = " OR ".join(tests.values()) or "FALSE"
    parts = [
        "count(*) FILTER (WHERE NOT in_right) AS only_left",
        "count(*) FILTER (WHERE NOT in_left) AS only_right",
        f"count(*) FILTER (WHERE {both} AND ({any_test})) AS differing",
        *(f"count(*) FILTER (WHERE {both} AND {test}) AS c{n}" for n, test in enumerate(tests.values())),
    ]
    cursor = session.execute(f"SELECT {', '.join(parts)} FROM pairs")
    names = [d[0] for d in cursor.description or ()]
    return dict(zip(names, (int(v) for v in cursor.fetchone() or ()), strict=True))


def _lone_keys(session: duckdb.DuckDBPyConnection, condition: str) -> tuple[str, ...]:
    query = f"SELECT k FROM pairs WHERE {condition} ORDER BY 1 LIMIT {SHOWN}"
    return tuple(str(r[0]) for r in session.execute(query).fetchall())


def _describe(session: duckdb.DuckDBPyConnection, column: str, cells: int, test: str) -> Difference:
    left, right = (_shape_sql(quote(f"{side}.{column}")) for side in "lr")
    query = f"SELECT k, {left}, {right} FROM pairs WHERE in_left AND in_right AND {test} ORDER BY k LIMIT {SHOWN}"
    rows = session.execute(query).fetchall()
    shapes = tuple((str(r[1]), str(r[2])) for r in rows)
    return Difference(column, cells, tuple(str(r[0]) for r in rows), shapes)


def _shape_sql(column: str) -> str:
    """A value with its letters and digits hidden, at most 24 characters; `null` where there is none."""
    hidden = f"regexp_replace(regexp_replace({column}::VARCHAR, '\\p{{L}}', 'x', 'g'), '[0-9]', '9', 'g')"
    return f"coalesce(left({hidden}, 24), 'null')"


def _one(session: duckdb.DuckDBPyConnection, query: str) -> int:
    row = session.execute(query).fetchone()
    return int(row[0]) if row else 0
