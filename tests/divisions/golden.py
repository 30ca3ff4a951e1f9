"""Runs the mapping over small hand-made raw rows and writes what comes out as sorted CSV."""

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from migration.layers import layer_folder, write_layer
from migration.mapping.load import load_pack
from migration.mapping.model import Pack
from migration.mapping.stage import map_division
from migration.records import Layer, RunContext
from migration.settings import Settings

LEFT_OUT = {"run_id", "mapping_version", "row_hash", "security_marking", "source_system", "division_code", "source_row"}
REJECTED_TABLES = ("rejects", "issues")


def write_raw_layer(context: RunContext, pack: Pack, folder: Path) -> None:
    """The raw layer of a pack from `<source_table>.csv` files; tables without a file are empty."""
    with write_layer(context, Layer.RAW, "golden") as writer:
        for system in pack.systems:
            for table in system.tables:
                rows = read_csv(folder / f"{table.name}.csv")
                unknown = {c for row in rows for c in row} - set(table.column_names)
                assert not unknown, f"{table.name}.csv has columns the pack does not know: {sorted(unknown)}"
                columns = {c: pa.array([r.get(c) or None for r in rows], pa.string()) for c in table.column_names}
                numbers = pa.array(range(1, len(rows) + 1), pa.int64())
                pq.write_table(
                    pa.table({"_source_row": numbers, **columns}), writer.path(f"{system.name}/{table.name}")
                )


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file; none where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def map_folder(settings: Settings, division: str, folder: Path) -> dict[str, str]:
    """CSV text of each table that mapping `folder/raw` leaves, by name; empty tables are left out."""
    context = RunContext(settings, division, "20260101T000000Z")
    write_raw_layer(context, load_pack(settings, division), folder / "raw")
    map_division(context)
    mapped, rejected = layer_folder(context, Layer.MAPPED), layer_folder(context, Layer.REJECTED)
    paths = [*sorted(mapped.glob("*.parquet")), *(rejected / f"{name}.parquet" for name in REJECTED_TABLES)]
    texts = {path.stem: render_table(path) for path in paths}
    return {name: text for name, text in texts.items() if text}


def render_table(path: Path) -> str:
    """A Parquet table as CSV text with sorted lines, without empty and volatile columns; empty where it has no rows."""
    table = pq.read_table(path)
    kept = [c for c in table.column_names if c not in LEFT_OUT and table[c].null_count < table.num_rows]
    if not table.num_rows:
        return ""
    rows = sorted(["" if v is None else str(v) for v in row.values()] for row in table.select(kept).to_pylist())
    return "\n".join(_render_line(line) for line in (kept, *rows)) + "\n"


def _render_line(values: list[str]) -> str:
    return ",".join(f'"{v.replace(chr(34), chr(34) * 2)}"' if any(c in v for c in ',"\n') else v for v in values)
