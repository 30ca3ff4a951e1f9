"""The delta of a live table on a real server: keys of every kind, late edits, deletes."""

import psycopg
import pytest
from sqlalchemy import make_url

from migration.extract.connections import open_session
from migration.extract.delta import DeltaCounts, apply_delta, content_hash
from migration.extract.delta_source import extract_delta
from migration.extract.readers import open_reader

TABLE = """
CREATE TABLE crime (ref text, day date, at timestamp, is_open boolean, value_gbp numeric(12,2), name varchar(40));
INSERT INTO crime SELECT CASE WHEN g % 2 = 0 THEN 'a' ELSE 'A' END || g / 2, date '2020-01-01' + g % 9,
  timestamp '2020-01-01 10:00:00' + g * interval '1 second', g % 3 = 0, g * 0.25, 'it''s \\ ' || g
  FROM generate_series(1, 9000) g;
"""
EDITS = """
UPDATE crime SET name = NULL WHERE ref = 'A7';
UPDATE crime SET value_gbp = value_gbp + 1 WHERE ref = 'a8';
DELETE FROM crime WHERE ref IN ('a9', 'A9');
INSERT INTO crime VALUES (NULL, NULL, NULL, NULL, NULL, ''), ('é|1:x', '1899-12-31', '1900-01-01', true, 0, 'new');
"""


@pytest.mark.parametrize("key", [["ref"], ["day", "at", "ref"], ["is_open", "ref"]])
def test_delta_of_a_live_table_makes_the_new_full_extract(
    create_database, make_table, extract, settings, tmp_path, key
) -> None:
    url = create_database()
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(TABLE)
        source = make_table(url, "crime", ["ref", "day", "at", "is_open", "value_gbp", "name"], key)
        _, old = extract(source, "old")
        connection.execute(EDITS)
    delta, result = tmp_path / "delta.parquet", tmp_path / "result.parquet"
    with open_session(source.system, source.location) as session, open_reader(source, session) as reader:
        counts = extract_delta(settings, reader, old, delta)
    assert counts == DeltaCounts(inserted=2, updated=2, deleted=2)
    assert apply_delta(settings, old, delta, key, result) == 9000
    assert content_hash(settings, result) == content_hash(settings, extract(source, "new")[1])
