"""Airflow on one machine: its settings, database, processes and logins, for a person or a test.

Enters: a home folder for Airflow and a port. Leaves: a running Airflow (`PROCESSES`) whose metadata lies in an embedded
PostgreSQL of its own under that home, with three users: the engineer, the data owner and the rollout lead. Must hold:
every process started here ends with this one; nothing outside the home folder is written. Refuses: a port in use. Not
for a shared installation: that is `docker-compose.yml`.
"""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

from migration.errors import ConfigError, SourceError
from migration.settings import PROJECT_ROOT, get_settings

DEFAULT_HOME = PROJECT_ROOT / ".airflow"
DATABASE = "airflow"
PROCESSES = ("api-server", "scheduler", "dag-processor", "triggerer")
MONITORED = ("metadatabase", "scheduler", "dag_processor", "triggerer")
USERS = {"engineer": "admin", "data_owner": "user", "rollout_lead": "user"}
"""Local users and their Airflow roles. Only the two last may sign."""
START_SECONDS = 180.0
STOP_SECONDS = 20.0
TASK_STARTED = re.compile(r"\[DAG TEST\] starting task_id=(\S+)")


@dataclass(frozen=True)
class LocalAirflow:
    """One Airflow on this machine."""

    home: Path
    port: int

    @property
    def address(self) -> str:
        """Address of its pages and interface."""
        return f"http://localhost:{self.port}"

    def log(self, process: str) -> Path:
        """Log file of one of its processes."""
        return self.home / "processes" / f"{process}.log"

    def passwords(self) -> dict[str, str]:
        """Passwords of the local users, made at its first start."""
        path = self.home / "simple_auth_manager_passwords.json.generated"
        passwords: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return {user: passwords[user] for user in USERS}


def environment(airflow: LocalAirflow, database_url: str) -> dict[str, str]:
    """Environment of every process of a local Airflow; settings of `MIGRATION_*` pass through."""
    signers = {role: {role: role} for role in ("data_owner", "rollout_lead")}
    asynchronous = database_url.replace("+psycopg2:", "+asyncpg:")
    own = {
        "AIRFLOW_HOME": str(airflow.home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in USERS.items()),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{airflow.port}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(airflow.port),
        "AIRFLOW__API__BASE_URL": airflow.address,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": asynchronous,
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "MIGRATION_SIGNERS": os.environ.get("MIGRATION_SIGNERS", json.dumps(signers)),
        "PYTHONWARNINGS": "ignore",
    }
    return {**os.environ, **own, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def prepared(airflow: LocalAirflow) -> Iterator[dict[str, str]]:
    """The environment of a local Airflow whose database runs, is at its version and holds the packs' pools.

    The database server is stopped at the end, unless it ran before: another local Airflow of this home uses it.

    Raises:
        ConfigError: a pack has problems.
        SourceError: the database or Airflow's own set-up failed.
    """
    from migration.load.embedded import find_server, start_server, stop_server
    from migration.pools import list_pools

    airflow.log("set-up").parent.mkdir(parents=True, exist_ok=True)
    is_shared = find_server(airflow.home) is not None
    server = start_server(airflow.home)
    try:
        _ensure_database(server.url)
        variables = environment(airflow, server.database_url(DATABASE).replace("+psycopg:", "+psycopg2:"))
        pools = airflow.home / "pools.json"
        wanted = json.dumps({"airflow": version("apache-airflow"), "pools": list_pools(get_settings())}, indent=1)
        stamp = airflow.home / "prepared.json"
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
            pools.write_text(json.dumps(json.loads(wanted)["pools"]), encoding="utf-8")
            _set_up(airflow, ["airflow", "db", "migrate"], variables)
            _set_up(airflow, ["airflow", "pools", "import", str(pools)], variables)
            stamp.write_text(wanted, encoding="utf-8")
        yield variables
    finally:
        if not is_shared:
            stop_server(airflow.home)


def _ensure_database(server_url: str) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(server_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        query = sa.text("SELECT 1 FROM pg_database WHERE datname = :name")
        if connection.execute(query, {"name": DATABASE}).first() is None:
            connection.execute(sa.text(f"CREATE DATABASE {DATABASE} TEMPLATE template0"))


def _set_up(airflow: LocalAirflow, command: Sequence[str], variables: Mapping[str, str]) -> None:
    with airflow.log("set-up").open("a") as log:
        result = subprocess.run(command, env=variables, stdout=log, stderr=log, check=False)
    if result.returncode != 0:
        fix = f"See {airflow.log('set-up')}; removing {airflow.home} starts over."
        raise SourceError("local Airflow", f"`{' '.join(command[:3])}` failed", "a finished set-up", fix)


@contextmanager
def running(airflow: LocalAirflow) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """The processes of a local Airflow, healthy; all of them end with the block.

    Raises:
        ConfigError: the port is in use.
        SourceError: a process ended, or did not become healthy in time; names its log.
    """
    _check_port(airflow.port)
    with prepared(airflow) as variables:
        processes = [_start(airflow, name, variables) for name in PROCESSES]
        try:
            _wait_until_healthy(airflow, processes)
            yield processes
        finally:
            _stop(processes)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise ConfigError(
                "local Airflow", f"port {port} in use", "a free port", "Choose another: make up PORT=8090."
            )


def _start(airflow: LocalAirflow, name: str, variables: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start a process in a group of its own, so that an interrupt reaches this process only."""
    with airflow.log(name).open("w") as log:
        return subprocess.Popen(
            ["airflow", name], env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _wait_until_healthy(airflow: LocalAirflow, processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_healthy(airflow):
        ended = next((n for n, p in zip(PROCESSES, processes, strict=True) if p.poll() is not None), None)
        if ended is not None or time.monotonic() > deadline:
            found = f"{ended} ended" if ended else f"not healthy after {START_SECONDS:.0f} s"
            raise SourceError(
                "local Airflow", found, "four healthy processes", f"See {airflow.log(ended or 'scheduler')}."
            )
        time.sleep(1)


def is_healthy(airflow: LocalAirflow) -> bool:
    """Whether every process reports itself healthy."""
    connection = http.client.HTTPConnection("localhost", airflow.port, timeout=5)
    try:
        connection.request("GET", "/api/v2/monitor/health")
        report = json.load(connection.getresponse())
    except (OSError, http.client.HTTPException, json.JSONDecodeError):
        return False
    finally:
        connection.close()
    return all(report.get(part, {}).get("status") == "healthy" for part in MONITORED)


def _stop(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    """End the processes and everything they started, the late ones by force."""
    family: list[psutil.Process] = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(process.pid)
            family += [parent, *parent.children(recursive=True)]
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    _, late = psutil.wait_procs(family, timeout=STOP_SECONDS)
    for straggler in late:
        with contextlib.suppress(psutil.NoSuchProcess):
            straggler.kill()
    for process in processes:
        process.wait()


def rehearse(
    airflow: LocalAirflow, division: str, conf: Mapping[str, object], tell: Callable[[str], None] = lambda _: None
) -> bool:
    """Run a division's DAG to its end, task after task, without a scheduler; whether it succeeded.

    Args:
        conf: the trigger form.
        tell: called with the name of each task when it starts; everything else goes to the log `rehearse`.
    """
    command = ["airflow", "dags", "test", f"division_{division.lower()}", "--conf", json.dumps(conf)]
    told: set[str] = set()
    with prepared(airflow) as variables, airflow.log("rehearse").open("w") as log:
        process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in process.stdout or ():
            log.write(line)
            started = TASK_STARTED.search(line)
            if started is not None and started[1] not in told:
                told.add(started[1])
                tell(started[1])
        return process.wait() == 0
