"""The lock: every package by hash, no address of an index, uv among them, nothing of pyproject left out."""

import re
import tomllib

from migration.settings import PROJECT_ROOT

LOCK = (PROJECT_ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PINNED = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ;.*)? \\\n    --hash=sha256:[0-9a-f]{64}", re.MULTILINE)


def pinned() -> set[str]:
    return {match[0] for match in PINNED.findall(LOCK)}


def test_every_package_of_the_lock_has_a_hash():
    packages = re.findall(r"^([a-z0-9-]+)==", LOCK, re.MULTILINE)
    assert len(packages) > 200
    assert set(packages) == pinned()


def test_the_lock_names_no_index():
    assert not re.search(r"https?://|^-", LOCK, re.MULTILINE)


def test_every_dependency_of_the_project_is_in_the_lock():
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[\[=<>~!; ]", item)[0].lower()) for item in wanted}
    assert names - pinned() == set()
    assert "uv" in names
