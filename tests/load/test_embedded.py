"""The embedded server: started once, shared, stopped, recovered after every kind of crash."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from migration.errors import ConfigError
from migration.load.embedded import EmbeddedServer, find_server, server_folder, start_server, stop_server


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home folder whose server, if any, is stopped at the end."""
    yield tmp_path / "home"
    stop_server(tmp_path / "home")


def execute(server: EmbeddedServer, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(
        host=str(server.socket_folder), user="postgres", dbname="postgres", autocommit=True
    ) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_start_server_twice_reuses_the_first(home: Path) -> None:
    first = start_server(home)
    assert start_server(home) == first == find_server(home)


def test_start_server_from_several_processes_at_once_starts_one(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from migration.load.embedded import start_server; "
        "print(start_server(Path(sys.argv[1])).pid)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    pids = {process.communicate(timeout=120)[0].strip() for process in processes}
    assert len(pids) == 1
    assert find_server(home) is not None


def test_server_outlives_the_process_that_started_it(home: Path) -> None:
    code = "import sys, pathlib, migration.load.embedded as e; e.start_server(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(home)], check=True)
    server = find_server(home)
    assert server is not None
    assert execute(server, "SELECT 1") == [(1,)]


def test_stop_server_stops_it_and_says_when_there_was_none(home: Path) -> None:
    assert stop_server(home) is False
    server = start_server(home)
    assert stop_server(home) is True
    assert find_server(home) is None
    assert not [p for p in psutil.process_iter() if p.pid == server.pid and p.status() != psutil.STATUS_ZOMBIE]
    assert stop_server(home) is False


def test_start_server_after_kill_9_recovers_what_was_committed(home: Path) -> None:
    server = start_server(home)
    execute(server, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    os.kill(server.pid, signal.SIGKILL)
    recovered = start_server(home)
    assert recovered.pid != server.pid
    assert execute(recovered, "SELECT count(*) FROM kept") == [(1000,)]


def test_start_server_when_children_of_a_killed_one_are_busy_ends_them(home: Path) -> None:
    server = start_server(home)
    busy = psycopg.connect(host=str(server.socket_folder), user="postgres", dbname="postgres", autocommit=True)
    children = psutil.Process(server.pid).children()
    os.kill(server.pid, signal.SIGKILL)
    recovered = start_server(home)
    assert execute(recovered, "SELECT 1") == [(1,)]
    assert not [c for c in children if c.is_running() and c.status() != psutil.STATUS_ZOMBIE]
    busy.close()


@pytest.mark.parametrize("content", ["999999999\n", "1\n", "", "not a number\n"])
def test_start_server_with_a_stale_pid_file_starts(home: Path, content: str) -> None:
    server = start_server(home)
    stop_server(home)
    (server.data / "postmaster.pid").write_text(content, encoding="utf-8")
    assert execute(start_server(home), "SELECT 1") == [(1,)]


def test_start_server_when_its_process_id_went_to_another_process_starts(home: Path) -> None:
    server = start_server(home)
    stop_server(home)
    with subprocess.Popen(["sleep", "60"]) as other:
        (server.data / "postmaster.pid").write_text(f"{other.pid}\n{server.data}\n", encoding="utf-8")
        started = start_server(home)
        assert started.pid != other.pid and other.poll() is None
        other.kill()


def test_start_server_when_first_start_was_killed_begins_again(home: Path) -> None:
    half = server_folder(home) / "data.writing"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n", encoding="utf-8")
    assert execute(start_server(home), "SELECT 1") == [(1,)]
    assert not half.exists()


def test_start_server_when_data_is_of_another_version_refuses(home: Path) -> None:
    data = server_folder(home) / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="version 9"):
        start_server(home)


def test_start_server_when_path_is_too_long_for_a_socket_uses_a_short_one(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 20)
    server = start_server(home)
    try:
        assert not server.socket_folder.is_relative_to(home)
        assert execute(server, "SELECT 1") == [(1,)]
    finally:
        stop_server(home)


def test_server_opens_no_network_port(home: Path) -> None:
    server = start_server(home)
    connections = psutil.Process(server.pid).net_connections(kind="inet")
    assert [c for c in connections if c.status == psutil.CONN_LISTEN] == []
    assert (server.socket_folder.stat().st_mode & 0o077) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user (decision 0063)")
def test_server_of_root_runs_as_an_unprivileged_user_also_in_a_closed_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = start_server(closed / "home")
    try:
        assert psutil.Process(server.pid).uids().effective != 0
        assert (closed.stat().st_mode & 0o777) == 0o700
        assert execute(server, "SELECT 1") == [(1,)]
    finally:
        stop_server(closed / "home")


def test_server_log_holds_no_value_of_a_row(home: Path) -> None:
    server = start_server(home)
    execute(server, "CREATE TABLE t (name text PRIMARY KEY)")
    for _ in range(2):
        try:
            execute(server, "INSERT INTO t VALUES ('Invented Person')")
        except psycopg.errors.UniqueViolation:
            time.sleep(0.1)
    log = (server_folder(home) / "server.log").read_text(encoding="utf-8")
    assert "duplicate key" in log
    assert "Invented Person" not in log


@pytest.mark.parametrize(("is_durable", "fsync"), [(True, "on"), (False, "off")])
def test_server_forces_commits_to_disk_unless_it_is_one_of_tests(home: Path, is_durable: bool, fsync: str) -> None:
    assert execute(start_server(home, is_durable=is_durable), "SHOW fsync") == [(fsync,)]
