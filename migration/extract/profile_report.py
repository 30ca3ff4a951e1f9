"""The profile of a division as Parquet and as one self-contained page.

Enters: a `DivisionProfile`. Leaves: `profile.parquet` (a row a column), `profile_tables.parquet`,
`profile_references.parquet` and `profile.html` in the run's report folder. Must hold: the page shows nothing that the
profile does not, carries its marking, and needs no network.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from jinja2 import Environment, PackageLoader, select_autoescape

from migration.extract.profile import DEFAULT_DATES, ColumnProfile, DivisionProfile, as_json, profile_division
from migration.layers import parquet_metadata
from migration.records import RunContext

CHART_WIDTH, CHART_HEIGHT = 180, 28
PAIRS = ("patterns", "top_values", "spikes", "years")
REFERENCES = pa.schema(
    [
        ("system", pa.string()),
        ("table", pa.string()),
        ("column", pa.string()),
        ("key_table", pa.string()),
        ("key_column", pa.string()),
        ("share", pa.float64()),
        ("orphans", pa.int64()),
    ]
)
TABLES = pa.schema(
    [
        ("system", pa.string()),
        ("table", pa.string()),
        ("rows", pa.int64()),
        ("columns", pa.int64()),
        *((n, pa.list_(pa.string())) for n in ("keys", "empty", "constant", "damaged", "spiked", "personal", "codes")),
    ]
)
COLUMNS = pa.schema(
    [
        *((n, pa.string()) for n in ("system", "table", "column", "type")),
        *((n, pa.int64()) for n in ("rows", "nulls", "empties", "distinct", "shortest", "longest")),
        ("content", pa.string()),
        *((n, pa.bool_()) for n in ("is_personal", "is_code", "is_key")),
        ("damaged", pa.int64()),
        *((n, pa.string()) for n in ("patterns", "top_values", "date_format", "first_day", "last_day")),
        *((n, pa.string()) for n in ("spikes", "years")),
    ]
)


def write_profile(context: RunContext, tell: Callable[[str], None] = lambda _: None) -> tuple[Path, ...]:
    """Profile the run's `raw` layer; returns the files written.

    Args:
        tell: is told what is measured next.

    Raises:
        SourceError: the layer is not there.
    """
    profile = profile_division(context, tell)
    folder = context.report_folder
    folder.mkdir(parents=True, exist_ok=True)
    names = ("profile.parquet", "profile_tables.parquet", "profile_references.parquet", "profile.html")
    paths = tuple(folder / name for name in names)
    rows = [{**asdict(c), **{n: as_json(getattr(c, n)) for n in PAIRS}} for c in profile.columns]
    _write_parquet(context, paths[0], rows, COLUMNS)
    _write_parquet(context, paths[1], [asdict(t) for t in profile.tables], TABLES)
    _write_parquet(context, paths[2], [asdict(i) for i in profile.inclusions], REFERENCES)
    paths[3].write_text(render_profile(profile, context.settings.security_marking), encoding="utf-8")
    return paths


def _write_parquet(context: RunContext, path: Path, rows: Sequence[dict[str, object]], schema: pa.Schema) -> None:
    table = pa.Table.from_pylist(list(rows), schema.with_metadata(parquet_metadata(context)))
    pq.write_table(table, path, compression="zstd")


def render_profile(profile: DivisionProfile, marking: str) -> str:
    """The profile as one HTML page."""
    environment = Environment(
        loader=PackageLoader("migration.extract", ""), autoescape=select_autoescape(), trim_blocks=True
    )
    tables: dict[tuple[str, str], list[ColumnProfile]] = {}
    for column in profile.columns:
        tables.setdefault((column.system, column.table), []).append(column)
    return environment.get_template("profile.html").render(
        profile=profile,
        tables=tables,
        orphaned=[i for i in profile.inclusions if i.orphans],
        most=max((t.rows for t in profile.tables), default=1) or 1,
        default_dates=DEFAULT_DATES,
        marking=marking,
        draw_years=draw_years,
        draw_fill=draw_fill,
    )


def draw_years(years: Sequence[tuple[str, int]]) -> str:
    """Values a year as bars: an inline SVG, years without values left as gaps."""
    if not years:
        return ""
    counts = {int(y): n for y, n in years}
    first, last, most = min(counts), max(counts), max(counts.values())
    width = CHART_WIDTH / (last - first + 1)
    bars = "".join(
        f'<rect x="{(y - first) * width:.1f}" y="{CHART_HEIGHT - n / most * CHART_HEIGHT:.1f}" '
        f'width="{max(width - 0.5, 0.5):.1f}" height="{n / most * CHART_HEIGHT:.1f}"><title>{y}: {n:,}</title></rect>'
        for y, n in sorted(counts.items())
    )
    label = f"values a year, {first} to {last}"
    return f'<svg role="img" aria-label="{label}" viewBox="0 0 {CHART_WIDTH} {CHART_HEIGHT}" class="years">{bars}</svg>'


def draw_fill(column: ColumnProfile) -> str:
    """Filled, empty and NULL as one bar: an inline SVG."""
    rows = max(column.rows, 1)
    filled = CHART_WIDTH * (column.rows - column.nulls - column.empties) / rows
    empty = CHART_WIDTH * column.empties / rows
    share = (column.rows - column.nulls - column.empties) / rows
    return (
        f'<svg role="img" aria-label="{share:.1%} filled" viewBox="0 0 {CHART_WIDTH} 8" class="fill">'
        f'<rect class="f" width="{filled:.1f}" height="8"/>'
        f'<rect class="e" x="{filled:.1f}" width="{empty:.1f}" height="8"/>'
        f'<rect class="n" x="{filled + empty:.1f}" width="{CHART_WIDTH - filled - empty:.1f}" height="8"/></svg>'
    )
