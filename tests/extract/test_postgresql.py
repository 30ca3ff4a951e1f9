"""PostgreSQL is read through binary COPY exactly as through its plain driver."""

from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import make_url

from migration.errors import SourceError
from migration.extract.connections import open_session
from migration.extract.plan import find_expected_rows
from migration.extract.raw_table import write_table
from migration.extract.readers import open_reader
from migration.records import RunContext
from migration.settings import Settings

COLUMNS = "id small single double money_gbp large loose name fixed born at instant flag raw ident doc"
SCHEMA = """
CREATE TABLE crime (id bigint PRIMARY KEY, small smallint, single real, double float8, money_gbp numeric(12,2),
  large numeric(38,10), loose numeric, name text, fixed char(5), born date, at timestamp, instant timestamptz,
  flag boolean, raw bytea, ident uuid, doc jsonb);
"""
ROWS = """
INSERT INTO crime VALUES
 (2, -1, 0.1, -1e-300, -0.01, -1234567890123456789012345678.0123456789, 1.500, '', 'ab', '1899-12-31',
  '1950-01-01 00:00:00.000001', '2023-10-29 01:30:00+01', true, '\\x00ff',
  '00000000-0000-0000-0000-00000000000a', '{"a": 1}'),
 (-5, 32767, 'NaN', 'Infinity', 9999999999.99, 0, 0, 'E''nough £ \u4e2d\t
  ', '', '9999-12-31', '2000-01-01', '1970-01-01 00:00:00Z', false, '', NULL, '[]'),
 (9223372036854775807, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
"""


@pytest.fixture
def database(create_database):
    """An empty database: its SQLAlchemy URL, and a function that runs SQL in it."""
    url = create_database()
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)

    def run(sql: str) -> None:
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(sql)

    return url, run


def test_values_are_exact_when_read_through_copy(database, make_table, extract) -> None:
    url, run = database
    run(SCHEMA)
    run(ROWS)
    facts, path = extract(make_table(url, "crime", COLUMNS.split(), ["id"]), "out")
    rows = pq.read_table(path).to_pylist()
    assert [r["id"] for r in rows] == [-5, 2, 9223372036854775807]
    assert rows[1] == {
        "id": 2,
        "small": -1,
        "single": 0.10000000149011612,
        "double": -1e-300,
        "money_gbp": Decimal("-0.01"),
        "large": Decimal("-1234567890123456789012345678.0123456789"),
        "loose": "1.500",
        "name": "",
        "fixed": "ab   ",
        "born": date(1899, 12, 31),
        "at": datetime(1950, 1, 1, 0, 0, 0, 1),
        "instant": datetime(2023, 10, 29, 0, 30, tzinfo=UTC),
        "flag": True,
        "raw": b"\x00\xff",
        "ident": "00000000-0000-0000-0000-00000000000a",
        "doc": '{"a": 1}',
        "_source_row": 2,
    }
    assert all(value is None for name, value in rows[2].items() if name not in ("id", "_source_row"))
    assert facts.facts["control_totals"]["rows"] == 3
    assert facts.facts["source"]["snapshot"]


def test_parquet_is_byte_identical_when_read_by_the_plain_driver(database, make_table, extract) -> None:
    url, run = database
    run(SCHEMA)
    run(ROWS)
    run(
        "INSERT INTO crime SELECT g, g % 300, g / 7.0, g / 3.0, g / 9.0, g * 1.0001, g, 'name ' || g, 'x', "
        "date '1950-01-01' + g, now(), now(), g % 2 = 0, decode(md5(g::text), 'hex'), gen_random_uuid(), '{}' "
        "FROM generate_series(10, 70000) g"
    )
    fast = extract(make_table(url, "crime", COLUMNS.split(), ["id"]), "fast")[1]
    plain = extract(make_table(url, "crime", COLUMNS.split(), ["id"], plain=True), "plain")[1]
    assert fast.read_bytes() == plain.read_bytes()


def test_column_turns_to_text_when_a_date_is_infinite(database, make_table, extract) -> None:
    url, run = database
    run("CREATE TABLE t (id int, d date, n numeric(5,2))")
    run("INSERT INTO t VALUES (1, 'infinity', 'NaN'), (2, '2020-01-01', 1)")
    rows = pq.read_table(extract(make_table(url, "t", ["id", "d", "n"], ["id"]), "out")[1])
    assert rows.schema.field("d").type == rows.schema.field("n").type == pa.string()
    assert [(r["d"], r["n"]) for r in rows.to_pylist()] == [("infinity", "NaN"), ("2020-01-01", "1.00")]


def test_tables_show_one_moment_when_the_system_is_edited_meanwhile(database, make_table) -> None:
    url, run = database
    run("CREATE TABLE a (id int); CREATE TABLE b (id int); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)")
    first, second = (make_table(url, name, ["id"], ["id"]) for name in "ab")
    with open_session(first.system, url) as session:
        with open_reader(first, session) as reader:
            assert sum(b.rows.num_rows for b in reader.read_batches()) == 1
        run("INSERT INTO b VALUES (2)")
        with open_reader(second, session) as reader:
            assert sum(b.rows.num_rows for b in reader.read_batches()) == 1
            assert reader.measure_source(frozenset()).rows == 1


def test_nothing_can_be_written_when_a_session_is_open(database, make_table) -> None:
    url, run = database
    run("CREATE TABLE a (id int)")
    with (
        open_session(make_table(url, "a", ["id"], ["id"]).system, url) as session,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        session.fetch_one("INSERT INTO a VALUES (1) RETURNING id")


def test_broken_connection_stops_with_one_error(database, make_table) -> None:
    url, run = database
    run("CREATE TABLE a AS SELECT g AS id, repeat('x', 200) AS t FROM generate_series(1, 300000) g")
    with open_reader(make_table(url, "a", ["id", "t"], ["id"])) as reader:
        batches = reader.read_batches()
        next(batches)
        run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'migration extract'")
        with pytest.raises(SourceError, match="stopped answering"):
            list(batches)


@pytest.mark.parametrize("plain", [False, True])
def test_rows_are_quarantined_when_a_database_without_encoding_holds_other_bytes(
    postgres_server, make_table, extract, plain
) -> None:
    from sqlalchemy import create_engine

    maintenance = create_engine(postgres_server.url, isolation_level="AUTOCOMMIT")
    with maintenance.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE IF EXISTS bare")
        connection.exec_driver_sql("CREATE DATABASE bare TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    maintenance.dispose()
    url = postgres_server.database_url("bare")
    plain_url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id int, c text, d int)")
        connection.execute("INSERT INTO t VALUES (1, 'plain', 1), (2, E'\\xC9lan', -5), (3, E'\\xC3\\x89', 7)")
    facts, path = extract(make_table(url, "t", ["id", "c", "d"], ["id"], plain=plain), "out")
    rows = pq.read_table(path).to_pylist()
    assert [(r["id"], r["c"], r["_source_row"]) for r in rows] == [(1, "plain", 1), (3, "É", 3)]
    bad = pq.read_table(path.with_name("bad_lines.parquet")).to_pylist()
    assert [(b["source_row"], b["reason_code"]) for b in bad] == [(2, "UNDECODABLE")]
    assert b"\xc9lan" in bad[0]["content"]
    assert (facts.rows, facts.quarantined, facts.facts["control_totals"]["rows"]) == (2, 1, 2)


def test_text_beyond_ascii_is_proved_when_the_database_is_not_in_utf8(postgres_server, make_table, extract) -> None:
    from sqlalchemy import create_engine

    maintenance = create_engine(postgres_server.url, isolation_level="AUTOCOMMIT")
    with maintenance.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE IF EXISTS western")
        connection.exec_driver_sql("CREATE DATABASE western TEMPLATE template0 ENCODING 'WIN1252' LOCALE 'C'")
    maintenance.dispose()
    url = postgres_server.database_url("western")
    plain_url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id int, c text)")
        connection.execute("INSERT INTO t VALUES (1, '€uro'), (2, 'Élan'), (3, NULL)")
    facts, path = extract(make_table(url, "t", ["id", "c"], ["id"]), "out")
    assert [r["c"] for r in pq.read_table(path).to_pylist()] == ["€uro", "Élan", None]
    assert facts.facts["control_totals"]["hash"] == "lookup3 of hex"


def test_totals_by_md5_agree_when_a_server_lacks_the_fast_hash(database, make_table, extract, monkeypatch) -> None:
    from migration.extract import server_variants

    url, run = database
    run(SCHEMA)
    run(ROWS)
    monkeypatch.setattr(server_variants, "LOOKUP3_EXPECTED", 1)
    facts, _ = extract(make_table(url, "crime", COLUMNS.split(), ["id"]), "out")
    assert facts.facts["control_totals"]["hash"] == "md5"


def test_sample_is_the_same_rows_when_taken_by_the_database(database, make_table, extract) -> None:
    from dataclasses import replace

    from migration.extract.sampling import is_in_sample

    url, run = database
    run("CREATE TABLE a AS SELECT g AS id, 'TY/' || g AS cr_no FROM generate_series(1, 500) g")
    source = make_table(url, "a", ["id", "cr_no"], ["id"])
    source = replace(source, table=replace(source.table, sample_by="cr_no"), sample_percent=10)
    rows = pq.read_table(extract(source, "out")[1]).column("id").to_pylist()
    assert rows == [i for i in range(1, 501) if is_in_sample(f"TY/{i}", 10)]


def stage_once(context, source, folder):
    """Stage one table as `extract_table` does, in partitions where its options ask for it."""
    from migration.extract.partitions import split_reader

    with open_reader(source) as reader:
        split = split_reader(reader, source, folder, "key")
        return write_table(context, source, split, folder, "key"), type(split).__name__


@pytest.fixture
def large(database, make_table):
    """A table of a text key, and its source read in partitions of 1,000 rows."""
    url, run = database
    run(
        "CREATE TABLE big AS SELECT 'K''' || chr(65 + g % 26) || g AS k, repeat('x', 300) AS t "
        "FROM generate_series(1, 9500) g"
    )
    return (
        make_table(url, "big", ["k", "t"], ["k"], partition_rows=1000),
        make_table(url, "big", ["k", "t"], ["k"]),
        run,
    )


def test_partitions_give_the_same_parquet_when_read_in_parallel(large, settings, tmp_path) -> None:
    split, whole, _ = large
    context = RunContext(settings, "X", "r")
    facts, kind = stage_once(context, split, tmp_path / "split")
    assert kind == "PartitionedReader"
    assert (facts.facts["source"]["partitions"], facts.facts["source"]["resumed"]) == (10, False)
    assert stage_once(context, whole, tmp_path / "whole")[1] == "PostgresqlReader"
    assert (tmp_path / "split/rows.parquet").read_bytes() == (tmp_path / "whole/rows.parquet").read_bytes()


def test_finished_partitions_are_kept_when_the_connection_breaks(large, settings, tmp_path, monkeypatch) -> None:
    from migration.extract import partitions

    split, whole, run = large
    context, folder = RunContext(settings, "X", "r"), tmp_path / "table"
    spool, spooled = partitions._spool, []

    def break_at_the_fourth(reader, partition):
        if len(spooled) == 3:
            run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'migration extract'")
        spool(reader, partition)
        spooled.append(partition.path.name)

    monkeypatch.setattr(partitions, "_spool", break_at_the_fourth)
    monkeypatch.setattr(partitions, "RETRY_SECONDS", (0.01,))
    with pytest.raises(SourceError, match=r"stopped answering|no answer"):
        stage_once(context, split, folder)
    assert not folder.exists()
    kept = list(spooled)
    monkeypatch.setattr(partitions, "_spool", lambda r, p: (spooled.append(p.path.name), spool(r, p)))
    facts, _ = stage_once(context, split, folder)
    assert len(kept) == 3
    assert sorted(spooled) == sorted({*spooled})
    assert facts.facts["source"]["resumed"] is True
    stage_once(context, whole, tmp_path / "whole")
    assert (folder / "rows.parquet").read_bytes() == (tmp_path / "whole/rows.parquet").read_bytes()


def test_partition_is_read_again_in_the_same_snapshot_when_its_connection_breaks(
    large, settings, tmp_path, monkeypatch
) -> None:
    from migration.extract import partitions

    split, _, run = large
    context, spool, broken = RunContext(settings, "X", "r"), partitions._spool, []

    def break_once(reader, partition):
        if partition.path.name.startswith("000003") and not broken:
            broken.append(partition)
            run("UPDATE big SET t = 'edited' WHERE k = (SELECT min(k) FROM big)")
            run(f"SELECT pg_terminate_backend({reader.session.driver.info.backend_pid})")
        spool(reader, partition)

    monkeypatch.setattr(partitions, "_spool", break_once)
    monkeypatch.setattr(partitions, "RETRY_SECONDS", (0.01,))
    facts, _ = stage_once(context, split, tmp_path / "split")
    assert facts.facts["source"]["retries"] == 1
    texts = pq.read_table(tmp_path / "split/rows.parquet").column("t").to_pylist()
    assert len(texts) == 9500
    assert "edited" not in texts  # the edit came after the snapshot


def test_partitions_of_two_moments_are_refused_when_the_system_was_edited(large, settings, tmp_path) -> None:
    from migration.errors import ReconciliationError
    from migration.extract.partitions import parts_folder

    split, _, run = large
    context, folder = RunContext(settings, "X", "r"), tmp_path / "table"
    stage_once(context, split, folder)
    assert parts_folder(folder).exists()
    run("UPDATE big SET t = 'edited' WHERE k = (SELECT min(k) FROM big)")
    with pytest.raises(ReconciliationError):
        stage_once(context, split, folder)


def test_rows_are_the_same_when_libpq_cannot_be_reached(database, make_table, extract, monkeypatch) -> None:
    """Among them rows larger than a piece, and a server that says nothing for a while."""
    from migration.extract import copy_stream

    url, run = database
    run("CREATE TABLE wide AS SELECT g AS id, repeat('É', g * 40000) AS t FROM generate_series(1, 25) g")
    run("CREATE VIEW slow AS SELECT id, t, CASE WHEN id = 12 THEN pg_sleep(0.1)::text END AS s FROM wide")
    monkeypatch.setattr(copy_stream, "WAIT_MILLISECONDS", 5)
    source = make_table(url, "slow", ["id", "t", "s"], ["id"])
    assert copy_stream.bind_libpq()
    compiled = extract(source, "compiled")[1]
    monkeypatch.setattr(copy_stream, "bind_libpq", lambda: False)
    assert extract(source, "plain")[1].read_bytes() == compiled.read_bytes()
    assert [len(r["t"]) for r in pq.read_table(compiled).to_pylist()] == [g * 40000 for g in range(1, 26)]


@pytest.mark.parametrize("is_compiled", [True, False])
def test_error_in_the_middle_of_the_rows_is_one_error(database, make_table, extract, monkeypatch, is_compiled) -> None:
    from migration.extract import copy_stream

    url, run = database
    run(
        "CREATE VIEW broken AS SELECT g AS id, 1 / (90000 - g) AS x, repeat('y', 50) t FROM generate_series(1, 99999) g"
    )
    monkeypatch.setattr(copy_stream, "bind_libpq", lambda: is_compiled)
    with pytest.raises(SourceError, match="refused the query"):
        extract(make_table(url, "broken", ["id", "x", "t"], ["id"]), "out")


def test_rows_to_expect_are_those_that_the_server_knows_else_counted(database, make_table, tmp_path) -> None:
    url, run = database
    run("CREATE TABLE crime (id bigint PRIMARY KEY) WITH (autovacuum_enabled = false)")
    run("INSERT INTO crime SELECT g FROM generate_series(1, 100) g")
    source, context = make_table(url, "crime", ["id"], ["id"]), RunContext(Settings(home=tmp_path), "X", "r")

    def expected() -> int | None:
        with open_reader(source) as reader:
            return find_expected_rows(context, source, reader)

    assert expected() == 100
    run("ANALYZE crime")
    run("INSERT INTO crime SELECT g FROM generate_series(101, 150) g")
    assert expected() == 100  # known since ANALYZE, without reading the table again
