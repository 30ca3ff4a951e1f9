"""What two flat notations mean in one building, learnt from that building's own entries.

Enters: `out_premises`. Leaves: further rows of it (`is_learnt`), where one UPRN of a building carries both a door
number and a side on a floor (`2/1` and `2:L`), so that the building's other flats get their second code too. Must
hold: nothing is carried from one building to another; a door that stands for two sides in one building teaches
nothing; a learnt code never takes one that an entry of the building already has.
"""

import duckdb

_LEARN = """
CREATE TEMP TABLE flat_code AS
SELECT *, regexp_extract(flat, '^([^/:]+)[/:]', 1) AS floor, regexp_extract(flat, '[/:](.+)$', 1) AS door,
  CASE WHEN contains(flat, '/') THEN 'D' ELSE 'S' END AS notation
FROM out_premises WHERE flat <> '' AND (contains(flat, '/') OR contains(flat, ':'));

CREATE TEMP TABLE pair AS
SELECT DISTINCT a.street_id, a.number, a.suffix, a.door, b.door AS side
FROM flat_code a JOIN flat_code b ON a.uprn = b.uprn AND a.floor = b.floor AND a.street_id = b.street_id
  AND a.number = b.number AND a.suffix = b.suffix
WHERE a.notation = 'D' AND b.notation = 'S';

CREATE TEMP TABLE rule AS
SELECT * FROM pair p
WHERE (SELECT count(*) FROM pair q WHERE q.street_id = p.street_id AND q.number = p.number AND q.suffix = p.suffix
       AND q.door = p.door) = 1
  AND (SELECT count(*) FROM pair q WHERE q.street_id = p.street_id AND q.number = p.number AND q.suffix = p.suffix
       AND q.side = p.side) = 1;

CREATE TEMP TABLE learnt AS
SELECT f.uprn, f.status, f.street_id, f.number, f.suffix, f.flat AS old_flat,
  CASE WHEN f.notation = 'D' THEN f.floor || ':' || r.side ELSE f.floor || '/' || r.door END AS new_flat
FROM flat_code f JOIN rule r ON r.street_id = f.street_id AND r.number = f.number AND r.suffix = f.suffix
  AND f.door = CASE WHEN f.notation = 'D' THEN r.door ELSE r.side END;

INSERT INTO out_premises
SELECT p.* REPLACE (l.new_flat AS flat, true AS is_learnt)
FROM learnt l JOIN out_premises p ON p.uprn = l.uprn AND p.status = l.status AND p.street_id = l.street_id
  AND p.number = l.number AND p.suffix = l.suffix AND p.flat = l.old_flat
WHERE NOT EXISTS (SELECT 1 FROM out_premises o WHERE o.street_id = l.street_id AND o.number = l.number
                  AND o.suffix = l.suffix AND o.flat = l.new_flat)
"""


def add_equivalences(connection: duckdb.DuckDBPyConnection) -> int:
    """Add the learnt second codes to `out_premises`; returns how many."""
    before = _count(connection)
    connection.execute(_LEARN)
    for table in ("flat_code", "pair", "rule", "learnt"):
        connection.execute(f"DROP TABLE {table}")
    return _count(connection) - before


def _count(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("SELECT count(*) FROM out_premises").fetchone()
    return int(row[0]) if row else 0
