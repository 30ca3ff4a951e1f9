"""MariaDB is read exactly, in one snapshot, in the order of bytes. Needs the Debian package `mariadb-server`."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
import pytest

from migration.errors import SourceError
from migration.extract import mysql, mysql_stream
from migration.extract.connections import open_session
from migration.extract.delta import DeltaCounts, apply_delta, content_hash
from migration.extract.delta_source import extract_delta
from migration.extract.raw_table import BAD_LINES, write_table
from migration.extract.readers import open_reader
from migration.records import RunContext

pytestmark = pytest.mark.wide


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Path]:
    """A MariaDB server of the module's own, on a socket only: the path of the socket."""
    program, installer = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    if program is None or installer is None:
        pytest.skip("no mariadbd: install the Debian package mariadb-server")
    folder = tmp_path_factory.mktemp("mariadb")
    user = ["--user=root"] if os.geteuid() == 0 else []
    data, socket = f"--datadir={folder}/data", folder / "s"
    subprocess.run(
        [installer, "--no-defaults", *user, data, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True,
        capture_output=True,
    )
    arguments = ["--no-defaults", *user, data, f"--socket={socket}", "--skip-networking", f"--pid-file={folder}/pid"]
    process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(socket)
        yield socket
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(socket: Path) -> None:
    for _ in range(120):
        try:
            pymysql.connect(unix_socket=str(socket), user="root").close()
        except pymysql.Error:
            time.sleep(0.5)
        else:
            return
    raise AssertionError("the server did not start")


@pytest.fixture
def database(server):
    """An empty database: its SQLAlchemy URL, and a function that runs SQL in it."""

    def run(sql: str, name: str = "legacy") -> None:
        with pymysql.connect(unix_socket=str(server), user="root", database=name, autocommit=True) as connection:
            connection.cursor().execute(sql)

    run("DROP DATABASE IF EXISTS legacy", "mysql")
    run("CREATE DATABASE legacy CHARACTER SET latin1 COLLATE latin1_swedish_ci", "mysql")
    return f"mariadb://root@/legacy?unix_socket={server}", run


def test_values_are_exact_when_read_from_mariadb(database, make_table, extract) -> None:
    url, run = database
    run(
        "CREATE TABLE crime (code varchar(10) PRIMARY KEY, big bigint unsigned, money_gbp decimal(12,2), ratio double, "
        "born date, at datetime(6), raw varbinary(4), flag tinyint(1), bits bit(4), kind enum('a','b'), notes text)"
    )
    run(
        "INSERT INTO crime VALUES ('b', 18446744073709551615, -0.01, 0.1, '1899-12-31', '2020-01-01 10:00:00.5', "
        "x'00ff', 1, 5, 'b', 'É £')"
    )
    run("INSERT INTO crime (code, notes) VALUES ('C', ''), ('a', NULL)")
    columns = ["code", "big", "money_gbp", "ratio", "born", "at", "raw", "flag", "bits", "kind", "notes"]
    facts, path = extract(make_table(url, "crime", columns, ["code"]), "out")
    rows = pq.read_table(path)
    assert rows.schema.field("money_gbp").type == pa.decimal128(12, 2)
    assert [r["code"] for r in rows.to_pylist()] == ["C", "a", "b"]
    assert rows.to_pylist()[2] == {
        "code": "b",
        "big": Decimal(18446744073709551615),
        "money_gbp": Decimal("-0.01"),
        "ratio": 0.1,
        "born": "1899-12-31",
        "at": "2020-01-01 10:00:00.500000",
        "raw": b"\x00\xff",
        "flag": 1,
        "bits": Decimal(5),
        "kind": "b",
        "notes": "É £",
        "_source_row": 3,
    }
    assert rows.to_pylist()[0]["notes"] == ""
    assert facts.facts["control_totals"]["rows"] == 3


def test_impossible_dates_arrive_as_stored_when_mariadb_holds_them(database, make_table, extract) -> None:
    url, run = database
    run("CREATE TABLE t (id int PRIMARY KEY, d date, ts timestamp NULL)")
    with_mode = "SET STATEMENT sql_mode = 'ALLOW_INVALID_DATES' FOR INSERT INTO t VALUES "
    run(with_mode + "(1, '0000-00-00', '2020-06-01 12:00:00'), (2, '2020-02-31', NULL)")
    rows = pq.read_table(extract(make_table(url, "t", ["id", "d", "ts"], ["id"]), "out")[1]).to_pylist()
    assert [r["d"] for r in rows] == ["0000-00-00", "2020-02-31"]


def test_tables_show_one_moment_when_mariadb_is_edited_meanwhile(database, make_table) -> None:
    url, run = database
    for name in "ab":
        run(f"CREATE TABLE {name} (id int) ENGINE = InnoDB")
        run(f"INSERT INTO {name} VALUES (1)")
    first, second = (make_table(url, name, ["id"], ["id"]) for name in "ab")
    with open_session(first.system, url) as session:
        run("INSERT INTO b VALUES (2)")
        for source in (first, second):
            with open_reader(source, session) as reader:
                assert sum(b.rows.num_rows for b in reader.read_batches()) == 1
                assert reader.measure_in_snapshot().rows == 1


def test_snapshot_decides_when_the_system_was_edited_between_reading_and_measuring(
    database, make_table, settings, tmp_path
) -> None:
    url, run = database
    run("CREATE TABLE a (id int PRIMARY KEY) ENGINE = InnoDB")
    run("INSERT INTO a VALUES (1)")
    source = make_table(url, "a", ["id"], ["id"])
    with open_session(source.system, url) as session:
        run("INSERT INTO a VALUES (2)")  # the connection that measures aside sees this row, the snapshot does not
        with open_reader(source, session) as reader:
            facts = write_table(RunContext(settings, "X", "r"), source, reader, tmp_path / "out", "key")
    assert facts.facts["control_totals"]["rows"] == 1


FAST = "id amount price wide ratio name notes raw at kind"


def test_parquet_is_byte_identical_when_read_by_the_plain_driver(database, make_table, extract) -> None:
    url, run = database
    run(
        "CREATE TABLE f (id bigint PRIMARY KEY, amount int(6) zerofill, price decimal(12,2), wide decimal(38,10), "
        "ratio double, name varchar(40), notes longtext, raw varbinary(9), at datetime, kind enum('a','b'))"
    )
    run(
        "INSERT INTO f SELECT seq, seq % 70, seq / -3, seq * 1e20 / 7, seq / 7e9, concat('É', seq), "
        "repeat('x', seq % 400), unhex(hex(seq)), '2020-01-01' + INTERVAL seq SECOND, 'b' FROM seq_1_to_30000"
    )
    run("INSERT INTO f (id) VALUES (-9223372036854775808)")
    run("INSERT INTO f VALUES (0, 0, 0, 0, -0e0, '', repeat('\\0', 70000), '', '2020-01-01', 'a')")
    fast = extract(make_table(url, "f", FAST.split(), ["id"]), "fast")[1]
    plain = extract(make_table(url, "f", FAST.split(), ["id"], plain=True), "plain")[1]
    assert fast.read_bytes() == plain.read_bytes()
    assert pq.read_table(fast).num_rows == 30002


def test_every_byte_of_latin1_arrives_when_a_column_claims_it(database, make_table, extract) -> None:
    url, run = database
    run("CREATE TABLE t (id int PRIMARY KEY, c char(1)) CHARACTER SET latin1")
    run("INSERT INTO t SELECT seq, unhex(hex(seq)) FROM seq_33_to_255")
    rows = pq.read_table(extract(make_table(url, "t", ["id", "c"], ["id"]), "out")[1]).to_pylist()
    assert len({r["c"] for r in rows}) == 223  # no two bytes become one character
    assert rows[0xC9 - 33]["c"] == "É"


@pytest.mark.parametrize("plain", [False, True])
def test_rows_are_quarantined_when_their_bytes_are_not_the_declared_charset(
    database, server, make_table, extract, plain
) -> None:
    url, run = database
    for name, charset in (("claims", "utf8mb3"), ("holds", "latin1")):
        run(f"CREATE TABLE {name} (id int PRIMARY KEY, c varchar(90), d int) ENGINE=MyISAM CHARACTER SET {charset}")
    run("INSERT INTO holds VALUES (1, 'plain', 1), (2, 'Élan', -5), (3, NULL, 7)")
    run("INSERT INTO claims VALUES (1, 'plain', 1), (2, 'elan', 1), (3, NULL, 7)")
    run("FLUSH TABLES claims, holds")
    shutil.copy(server.parent / "data/legacy/holds.MYD", server.parent / "data/legacy/claims.MYD")
    run("FLUSH TABLES claims")
    facts, path = extract(make_table(url, "claims", ["id", "c", "d"], ["id"], plain=plain), "out")
    rows = pq.read_table(path).to_pylist()
    assert [(r["id"], r["c"], r["_source_row"]) for r in rows] == [(1, "plain", 1), (3, None, 3)]
    bad = pq.read_table(path.with_name(BAD_LINES)).to_pylist()
    assert [(b["source_row"], b["reason_code"]) for b in bad] == [(2, "UNDECODABLE")]
    assert b"\xc9lan" in bad[0]["content"]
    assert (facts.rows, facts.quarantined, facts.facts["control_totals"]["rows"]) == (2, 1, 2)


def test_broken_connection_stops_with_one_error(database, make_table) -> None:
    url, run = database
    run("CREATE TABLE a AS SELECT seq AS id, repeat('x', 200) AS t FROM seq_1_to_300000")
    with open_reader(make_table(url, "a", ["id", "t"], ["id"])) as reader:
        batches = reader.read_batches()
        next(batches)
        run(f"KILL {reader.session.driver.thread_id()}")
        with pytest.raises(SourceError, match="stopped answering"):
            list(batches)


def test_nothing_can_be_written_when_a_session_is_open(database, make_table) -> None:
    url, run = database
    run("CREATE TABLE a (id int)")
    source = make_table(url, "a", ["id"], ["id"])
    with open_session(source.system, url) as session, pytest.raises(pymysql.Error, match="READ ONLY"):
        session.driver.cursor().execute("INSERT INTO a VALUES (1)")


def test_delta_makes_the_new_full_extract_where_keys_differ_by_case_only(
    database, make_table, extract, settings, tmp_path
) -> None:
    """The server compares such keys as equal; only the rows whose key is exactly that of a change are taken."""
    url, run = database
    run("CREATE TABLE crime (ref varchar(20), seq int, name varchar(40), value_gbp decimal(12,2))")
    run(
        "INSERT INTO crime SELECT concat(if(seq % 2 = 0, 'a', 'A'), seq DIV 2), seq % 3, concat('it''s \\\\ ', seq), "
        "seq * 0.25 FROM seq_2_to_4001"
    )
    source = make_table(url, "crime", ["ref", "seq", "name", "value_gbp"], ["ref", "seq"])
    _, old = extract(source, "old")
    run("UPDATE crime SET name = NULL WHERE BINARY ref = 'A7'")
    run("DELETE FROM crime WHERE BINARY ref = 'a9'")
    run("INSERT INTO crime VALUES ('a9', 77, '', NULL)")
    delta, result = tmp_path / "delta.parquet", tmp_path / "result.parquet"
    with open_session(source.system, source.location) as session, open_reader(source, session) as reader:
        counts = extract_delta(settings, reader, old, delta)
    assert counts == DeltaCounts(inserted=1, updated=1, deleted=1)
    assert apply_delta(settings, old, delta, source.table.key, result) == 4000
    assert content_hash(settings, result) == content_hash(settings, extract(source, "new")[1])


def test_totals_of_ranges_are_those_of_the_whole_when_two_sessions_measure(
    database, make_table, extract, monkeypatch
) -> None:
    url, run = database
    run(
        "CREATE TABLE r (id bigint PRIMARY KEY, price decimal(38,10), ratio double, name varchar(40), "
        "raw varbinary(9), small int(6) zerofill)"
    )
    run(
        "INSERT INTO r SELECT CAST(seq AS SIGNED) - 2000, seq * 1e20 / 7, seq / 7e9, "
        "if(seq % 3, concat('É', seq), NULL), unhex(hex(seq)), seq FROM seq_1_to_5000"
    )
    columns = ["id", "price", "ratio", "name", "raw", "small"]
    whole = extract(make_table(url, "r", columns, ["id"]), "whole")[0]
    asked: list[str] = []
    measure = mysql.MysqlReader._measure_range
    monkeypatch.setattr(mysql.MysqlReader, "_measure_range", lambda self, s, c: asked.append(c) or measure(self, s, c))
    monkeypatch.setattr(mysql, "MOST_MEASURED", 100)
    ranged = extract(make_table(url, "r", columns, ["id"]), "ranged")[0]
    assert len(set(asked)) == mysql.RANGES == len(asked)
    assert ranged.facts["control_totals"] == whole.facts["control_totals"]


@pytest.mark.parametrize("unknown", ["version", "name"])
def test_rows_come_through_the_driver_when_its_inner_names_are_not_known(
    database, make_table, extract, monkeypatch, caplog, unknown
) -> None:
    url, run = database
    run("CREATE TABLE u (id int PRIMARY KEY, name varchar(40), price decimal(12,2))")
    run("INSERT INTO u SELECT seq, concat('É', seq), seq / 7 FROM seq_1_to_500")
    source = make_table(url, "u", ["id", "name", "price"], ["id"])
    fast = extract(source, "fast")[1]
    assert "not known" not in caplog.text
    if unknown == "version":
        monkeypatch.setattr(pymysql, "VERSION_STRING", "9.0.0")
    else:
        monkeypatch.setattr(mysql_stream, "CONNECTION_NAMES", (*mysql_stream.CONNECTION_NAMES, "_renamed"))
    assert extract(source, "slow")[1].read_bytes() == fast.read_bytes()
    assert "not known" in caplog.text
