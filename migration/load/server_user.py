"""Under which system user the embedded server runs, and how its programs are started.

Enters: a command of the PostgreSQL programs and the folder it works in. Leaves: the command as it must be started, and
the user that must own the folder. PostgreSQL refuses to run as root, so a process of root starts it as an unprivileged
user that exists (`postgres`, else `nobody`). Where that user cannot reach the folder or the programs (a home folder
closed to others), the programs keep the one capability that reaching them needs; no permission of a folder is changed.
Refuses: root where neither user exists or the capability cannot be kept.
"""

import os
import pwd
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from migration.errors import ConfigError

UNPRIVILEGED_USERS = ("postgres", "nobody")


def find_server_user() -> pwd.struct_passwd | None:
    """The user the server runs as where this process is root's; None where it runs as this process's own user.

    Raises:
        ConfigError: this process is root's and the system has none of the users we could use.
    """
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ConfigError(
        "embedded PostgreSQL",
        "a process of root and no unprivileged user",
        f"one of the users {', '.join(UNPRIVILEGED_USERS)}",
        "Run as another user, or set MIGRATION_DATABASE_URL.",
    )


def is_reachable(path: Path, user: pwd.struct_passwd) -> bool:
    """Whether `user` may pass through every folder above `path`."""
    return all(_may_enter(folder, user) for folder in path.resolve().parents)


def _may_enter(folder: Path, user: pwd.struct_passwd) -> bool:
    status = folder.stat()
    if status.st_uid == user.pw_uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == user.pw_gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def command_as_server_user(command: Sequence[str], folder: Path) -> list[str]:
    """The command as it must be started so that it runs as the server's user and reaches its folder and programs.

    Raises:
        ConfigError: the folder or the programs cannot be reached by the only user that may run the server.
    """
    user = find_server_user()
    if user is None:
        return list(command)
    if shutil.which("setpriv") is None:
        raise ConfigError(
            "embedded PostgreSQL",
            "a process of root without the program setpriv",
            "setpriv (package util-linux), which starts the server as an unprivileged user",
            "Run as another user, or set MIGRATION_DATABASE_URL.",
        )
    prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    if not (is_reachable(folder, user) and is_reachable(Path(command[0]), user)):
        prefix += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return [*prefix, *command]


def give_to_server_user(path: Path) -> None:
    """Make the server's user the owner of a folder or file and close it to everyone else."""
    user = find_server_user()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)
    path.chmod(0o700 if path.is_dir() else 0o600)
