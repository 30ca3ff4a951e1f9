"""A division's effective pack, read, merged and checked.

Enters: the folder of packs. Leaves: a `Pack`. Must hold: a pack with any problem is not returned. Cheap to import and
quick to call: a scheduler does both at every parse.
"""

import hashlib
import json
from datetime import date

from migration.mapping.build import read_flag
from migration.mapping.codes import read_crosswalks
from migration.mapping.consistency import check_pack
from migration.mapping.entities import Frame, build_records
from migration.mapping.inherit import EffectiveTree, read_effective
from migration.mapping.model import Pack
from migration.mapping.problems import Problems
from migration.mapping.sources import build_systems, check_keys, read_text
from migration.mapping.tree import Node
from migration.schema.model import load_schema
from migration.settings import Settings

PACK_KEYS = frozenset({"division", "family", "title", "as_at", "draft", "systems", "entities", "notes"})


def list_divisions(settings: Settings) -> tuple[str, ...]:
    """Letters of the divisions that have a pack, sorted."""
    return tuple(sorted(p.parent.name for p in (settings.mappings / "divisions").glob("*/division.yml")))


def load_pack(settings: Settings, division: str) -> Pack:
    """The effective pack of a division.

    Raises:
        ConfigError: the pack has problems; all of them are listed with file, line and nearest valid name.
    """
    problems = Problems(f"of division {division}")
    effective = read_effective(settings, division, problems)
    if effective is not None:
        pack = _build_pack(settings, effective, division, problems)
        check_pack(pack, load_schema(), problems)
        if not problems.found:
            return pack
    raise problems.as_error()


def _build_pack(settings: Settings, effective: EffectiveTree, division: str, problems: Problems) -> Pack:
    tree = effective.tree
    schema = load_schema()
    check_keys(tree, PACK_KEYS, "a pack", problems)
    systems = build_systems(tree.get("systems"), problems)
    return Pack(
        division=division,
        family=read_text(tree.get("family")),
        title=read_text(tree.get("title"), division),
        version=hash_effective(effective),
        as_at=_read_day(tree, problems),
        systems=systems,
        records=build_records(tree.get("entities"), Frame(schema, systems, problems)),
        crosswalks=read_crosswalks(settings, effective, schema, problems),
        files=(*effective.files, *(path for _, path in effective.code_files())),
        is_draft=read_flag(tree.get("draft"), problems),
    )


def _read_day(tree: Node, problems: Problems) -> date:
    node = tree.get("as_at")
    if node is None:
        problems.add(tree.origin, "no key as_at", "the day the legacy system was extracted, YYYY-MM-DD")
        return date(1900, 1, 1)
    try:
        return date.fromisoformat(str(node.value))
    except ValueError:
        problems.add(node.origin, "an as_at that is not a day", "YYYY-MM-DD")
        return date(1900, 1, 1)


def hash_effective(effective: EffectiveTree) -> str:
    """SHA-256 (hex) of the merged content and the code lists: comments and layout do not count."""
    digest = hashlib.sha256(json.dumps(effective.tree.plain(), sort_keys=True, default=str).encode())
    for level, path in effective.code_files():
        digest.update(f"\n{level.name}/{path.name}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
