"""A division's effective pack, read, merged and checked.

Enters: the folder of packs. Leaves: a `Pack`. Must hold: a pack with any problem is not returned. Cheap to import and
quick to call: a scheduler does both at every parse.
"""

import hashlib
import json

from migration.mapping.inherit import EffectiveTree, read_effective
from migration.mapping.model import Pack
from migration.mapping.problems import Problems
from migration.mapping.sources import build_systems, read_text
from migration.settings import Settings


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
    if effective is None:
        problems.raise_all()
        raise AssertionError("a pack without a tree has problems")
    pack = _build_pack(effective, division, problems)
    problems.raise_all()
    return pack


def _build_pack(effective: EffectiveTree, division: str, problems: Problems) -> Pack:
    tree = effective.tree
    return Pack(
        division=division,
        family=read_text(tree.get("family")),
        title=read_text(tree.get("title"), division),
        version=hash_effective(effective),
        systems=build_systems(tree.get("systems"), problems),
        files=(*effective.files, *(path for _, path in effective.code_files())),
    )


def hash_effective(effective: EffectiveTree) -> str:
    """SHA-256 (hex) of the merged content and the code lists: comments and layout do not count."""
    digest = hashlib.sha256(json.dumps(effective.tree.plain(), sort_keys=True, default=str).encode())
    for level, path in effective.code_files():
        digest.update(f"\n{level.name}/{path.name}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
