"""A compiled release on disk: its folder, manifest and tables.

Enters: settings and a release name. Leaves: paths and the manifest. Refuses (ConfigError) a release that is not
compiled, was compiled by another version of the format, or whose files are not those of its manifest.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from migration.errors import ConfigError
from migration.fingerprint import combine_hashes
from migration.geocode.vocabulary import VOCABULARY_FILE
from migration.layers import hash_file
from migration.settings import Settings

FORMAT = 4
MANIFEST = "manifest.json"
TABLES = ("street", "street_alias", "premises", "postcode", "locality", "place", "junction", "beat", "entry", "issue")


@dataclass(frozen=True)
class ReleaseManifest:
    """What a compiled release holds: content hash per table, row counts, sources and findings of its check."""

    release: str
    format: int
    sources: Mapping[str, str]
    rows: Mapping[str, int]
    hashes: Mapping[str, str]
    issues: Mapping[str, int]
    seconds: float
    vocabulary: str = ""

    @property
    def content_hash(self) -> str:
        """Hash of the content of all tables, in name order."""
        return combine_hashes(f"{name}={value}" for name, value in sorted(self.hashes.items()))


@lru_cache(maxsize=1)
def vocabulary_hash() -> str:
    """Hash of the vocabulary: keys of a release compare only with keys made by the same words."""
    return hash_file(VOCABULARY_FILE)


def release_folder(settings: Settings, release: str) -> Path:
    """Folder of a compiled release, there or not."""
    return settings.gazetteers / release


def read_release(settings: Settings, release: str) -> ReleaseManifest:
    """Manifest of a compiled release.

    Raises:
        ConfigError: the release is not compiled, or by another format; the message says how to compile it.
    """
    folder = release_folder(settings, release)
    path = folder / MANIFEST
    fix = (
        f"Run `migrate gazetteer build SOURCE --columns map.yml --release {release}` (without SOURCE: the synthetic "
        "one), or set MIGRATION_GAZETTEER_RELEASE."
    )
    if not path.exists():
        raise ConfigError(f"gazetteer release {release}", "no compiled release", f"a release in {folder}", fix)
    raw = json.loads(path.read_text(encoding="utf-8"))
    if raw["format"] != FORMAT:
        found = f"format {raw['format']}"
        raise ConfigError(f"gazetteer release {release}", found, f"format {FORMAT}", "Compile the release again.")
    manifest = ReleaseManifest(**raw)
    if manifest.vocabulary != vocabulary_hash():
        found = "a release compiled with another vocabulary"
        raise ConfigError(f"gazetteer release {release}", found, "this code's vocabulary", "Compile the release again.")
    missing = [name for name in TABLES if not (folder / f"{name}.parquet").exists()]
    if missing:
        raise ConfigError(f"gazetteer release {release}", f"no {', '.join(missing)}", "every table", fix)
    return manifest


def table_path(settings: Settings, release: str, table: str) -> Path:
    """Path of one table of a compiled release."""
    return release_folder(settings, release) / f"{table}.parquet"
