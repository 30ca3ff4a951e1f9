"""How often each agreed code was used, in a file under version control beside the packs.

Enters: the newest run of each division (`rejected/codes`). Leaves: `code_uses.csv` in the folder of packs, sorted, so
that a cold start on another machine knows how well tried an agreement is. Must hold: codes and counts only; a division
that was never mapped here keeps the lines it has. Refuses nothing: without the file nothing was used yet.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from migration.layers import find_manifest, layer_folder
from migration.mapping.load import list_divisions
from migration.records import Layer
from migration.runs import list_runs
from migration.settings import Settings

USES_FILE = "code_uses.csv"
COLUMNS = ("list_name", "legacy_value", "national_code", "division", "run_id", "uses")

Meaning = tuple[str, str, str]
"""National list, legacy value in upper case, national code."""


def read_uses(settings: Settings) -> Mapping[Meaning, int]:
    """Records that were read by each meaning of a code, over all divisions."""
    found: dict[Meaning, int] = defaultdict(int)
    for row in _read_rows(settings.mappings / USES_FILE):
        found[row["list_name"], row["legacy_value"].upper(), row["national_code"]] += int(row["uses"])
    return found


def write_uses(settings: Settings) -> Path:
    """Note the uses that the newest mapped run of each division counted; returns the file."""
    path = settings.mappings / USES_FILE
    kept = _read_rows(path)
    lines: list[list[str]] = []
    for division in list_divisions(settings):
        rows = _count_division(settings, division) or [r for r in kept if r["division"] == division]
        lines += sorted([row[c] for c in COLUMNS] for row in rows)
    lines.sort()
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *lines])
    return path


def _read_rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _count_division(settings: Settings, division: str) -> list[dict[str, str]]:
    for run in reversed(list_runs(settings, division)):
        context = run.context(settings)
        manifest = find_manifest(context, Layer.REJECTED)
        table = next((t for t in manifest.tables if t.name == "codes"), None) if manifest else None
        if table is None:
            continue
        found = pq.read_table(layer_folder(context, Layer.REJECTED) / table.path).to_pylist()
        base = {"division": division, "run_id": run.run_id}
        return [
            base | {c: str(row[c]) for c in ("list_name", "legacy_value", "national_code", "uses")}
            for row in found
            if row["national_code"] is not None
        ]
    return []
