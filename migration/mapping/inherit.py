"""Files of a pack and their inheritance: national, then family, then division.

Enters: the folder of packs and a division letter. Leaves: one merged tree (`systems`, `entities`) with the origin of
every key, and the code list files in order of inheritance. Refuses: a division without `division.yml`, a family
without a folder, an entity file that names no entity.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from migration.mapping.model import Origin
from migration.mapping.problems import Problems
from migration.mapping.tree import Node, merge_nodes, read_tree
from migration.settings import PROJECT_ROOT, Settings

Check = Callable[[Node, Problems], None]
NATIONAL_FOLDER = PROJECT_ROOT / "mappings" / "national"


@dataclass(frozen=True)
class Level:
    """One level of inheritance: `national`, the family or the division, and its folder."""

    name: str
    folder: Path


@dataclass(frozen=True)
class EffectiveTree:
    """The merged files of one division's pack.

    Attributes:
        tree: keys `division`, `family`, `title`, `systems`, `entities`.
        levels: national, family, division; a root without a national folder takes the project's.
        files: every file read, in order.
    """

    tree: Node
    levels: tuple[Level, ...]
    files: tuple[Path, ...]

    def code_files(self) -> tuple[tuple[Level, Path], ...]:
        """Code list files with their level, national first."""
        return tuple((level, path) for level in self.levels for path in sorted((level.folder / "codes").glob("*.csv")))


def display_name(settings: Settings, path: Path) -> str:
    """How messages call a file: relative to the folder of packs, else to the project."""
    for root in (settings.mappings, PROJECT_ROOT):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return path.name


def read_effective(
    settings: Settings, division: str, problems: Problems, check: Check | None = None
) -> EffectiveTree | None:
    """The merged tree of a division's files, or None with problems noted where its frame is not there.

    Args:
        check: looks at each file's own tree and notes its problems.
    """
    folder = settings.mappings / "divisions" / division
    head_path = folder / "division.yml"
    name = display_name(settings, head_path)
    if not head_path.exists():
        problems.add(Origin(name, 1), "no such file", f"division.yml of division {division}")
        return None
    head = read_tree(head_path, name, problems.add)
    family = _read_family(head, problems)
    if head is None or family is None:
        return None
    family_folder = settings.mappings / "families" / family
    if not family_folder.is_dir():
        known = (p.name for p in (settings.mappings / "families").glob("*/"))
        family_node = head.get("family") or head
        problems.add_name(family_node.origin, "family", family, known)
        return None
    national = settings.mappings / "national"
    levels = (
        Level("national", national if national.is_dir() else NATIONAL_FOLDER),
        Level(family, family_folder),
        Level(division, folder),
    )
    files = tuple(path for level in levels for path in _yaml_files(level.folder))
    tree = Node({}, head.origin)
    for path in files:
        part = _read_part(settings, path, problems, check)
        tree = tree if part is None else merge_nodes(tree, part)
    return EffectiveTree(tree, levels, files)


def _read_family(head: Node | None, problems: Problems) -> str | None:
    if head is None:
        return None
    family = head.get("family")
    if family is None or not isinstance(family.value, str):
        problems.add(head.origin, "no key family", "the family whose packs the division inherits")
        return None
    return family.value


def _yaml_files(folder: Path) -> Iterable[Path]:
    top = [p for p in (folder / "family.yml", folder / "division.yml", folder / "national.yml") if p.exists()]
    sources = folder / "sources.yml"
    return [*top, *([sources] if sources.exists() else []), *sorted((folder / "entities").glob("*.yml"))]


def _read_part(settings: Settings, path: Path, problems: Problems, check: Check | None) -> Node | None:
    tree = read_tree(path, display_name(settings, path), problems.add)
    if tree is None:
        return None
    if check is not None:
        check(tree, problems)
    if path.parent.name != "entities":
        return tree
    entity = tree.get("entity")
    if entity is None or not isinstance(entity.value, str):
        problems.add(tree.origin, "no key entity", "the national entity that the file fills")
        return None
    rest = {k: v for k, v in tree.children().items() if k != "entity"}
    return Node({"entities": Node({entity.value: Node(rest, entity.origin)}, tree.origin)}, tree.origin)
