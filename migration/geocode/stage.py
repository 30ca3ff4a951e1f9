"""Stage `geocode`: every location of a run to its place.

Enters: `mapped/location`, `mapped/crime_report` and the compiled gazetteer release of the settings. Leaves: layer
`located`: `location_match` (one row per location, always) and `crime_report` again with `beat_code` of its locus.
Must hold: no location is lost or doubled; `row_hash` stays that of the mapped row, because it covers mapped business
fields only. Refuses: a run without mapped locations (SourceError), a release that is not compiled (ConfigError).
"""

import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from migration.duck import copy_to_parquet, open_session, read_parquet_sql
from migration.errors import SourceError
from migration.fingerprint import quote
from migration.geocode.aliases import teach
from migration.geocode.batch import match_all
from migration.geocode.evidence import Match, Query
from migration.geocode.gazetteer.index import load_gazetteer
from migration.geocode.gazetteer.release import read_release
from migration.geocode.learn import labels_hash, load_labels
from migration.geocode.match import Matcher
from migration.layers import (
    LayerManifest,
    LayerWriter,
    current_manifest,
    find_entity,
    layer_folder,
    parquet_metadata,
    read_manifest,
    stage_key,
    write_layer,
)
from migration.records import Layer, RunContext, Stage, StageResult, StageStatus
from migration.schema.arrow import arrow_schema
from migration.schema.model import load_schema

_QUERY_COLUMNS = (
    "location_id",
    "location_raw_text",
    "premises",
    "street",
    "locality",
    "town",
    "postcode",
    "postcode_raw",
    "easting",
    "northing",
    "grid_ref_raw",
    "recorded_on",
)
BATCH_ROWS = 500_000
"""Locations matched and written at a time: what bounds the memory of a large division."""


def geocode_division(context: RunContext) -> StageResult:
    """Locate a run's locations and write the layer `located`.

    Raises:
        ConfigError: the gazetteer release is not compiled; the message says how to.
        SourceError: the run has no mapped locations.
    """
    started = time.perf_counter()
    release = read_release(context.settings, context.settings.gazetteer_release)
    mapped = read_manifest(context, Layer.MAPPED)
    key = stage_key([mapped.content_hash, release.content_hash, labels_hash(context.settings)], release=release.release)
    manifest = current_manifest(context, Layer.LOCATED, key)
    status = StageStatus.SKIPPED
    if manifest is None:
        manifest = _locate(context, key)
        status = StageStatus.DONE
    counts = {str(k): int(str(v)) for k, v in manifest.facts.items()}
    seconds = time.perf_counter() - started
    outputs = (layer_folder(context, Layer.LOCATED),)
    return StageResult(Stage.GEOCODE, status, seconds, manifest.table_results(), counts, outputs)


def _locate(context: RunContext, key: str) -> LayerManifest:
    source = layer_folder(context, Layer.MAPPED) / "location.parquet"
    if not source.exists():
        where = f"lake layer {context.division}/{context.run_id}/mapped"
        raise SourceError(where, "no table location", "mapped locations", "Map an entity to `location` in the pack.")
    gazetteer = teach(load_gazetteer(context.settings), context.settings)
    matcher = Matcher(gazetteer, labels=load_labels(context.settings))
    with write_layer(context, Layer.LOCATED, key) as writer:
        target = writer.path("location_match")
        counts = _write_matches(context, matcher, source, target)
        writer.facts.update(counts)
        reports = find_entity(context, "crime_report")
        if reports is not None:
            _write_reports(context, layer_folder(context, Layer.MAPPED) / "crime_report.parquet", writer)
    return read_manifest(context, Layer.LOCATED)


def _write_matches(context: RunContext, matcher: Matcher, source: Path, target: Path) -> dict[str, int]:
    """Match in batches ordered by location id, so that batches and their bounds are the same for the same rows."""
    schema = arrow_schema(load_schema().entity("location_match")).with_metadata(
        {k.encode(): v.encode() for k, v in parquet_metadata(context).items()}
    )
    counts: dict[str, int] = {"locations": 0}
    columns = ", ".join(quote(c) for c in _QUERY_COLUMNS)
    with open_session(context.settings) as connection, pq.ParquetWriter(target, schema, compression="zstd") as out:
        reader = connection.execute(
            f"SELECT {columns} FROM {read_parquet_sql(source)} ORDER BY location_id"
        ).to_arrow_reader(BATCH_ROWS)
        for batch in reader:
            rows = pa.Table.from_batches([batch]).to_pylist()
            queries = [build_query(r, context.division) for r in rows]
            matches = match_all(matcher, queries, context.settings.threads)
            ids = [str(r["location_id"]) for r in rows]
            out.write_table(match_table(ids, matches, context.division, matcher.gazetteer.release, schema))
            for match in matches:
                counts["locations"] += 1
                counts[match.level.value] = counts.get(match.level.value, 0) + 1
    return counts


def build_query(row: dict[str, object], division: str) -> Query:
    """The query of a row of `location`: its text, completed by parts that the text does not hold."""
    text = str(row["location_raw_text"] or "")
    folded = text.upper()
    parts = [str(row[c]) for c in ("premises", "street", "locality", "town") if row.get(c)]
    missing = [p for p in parts if p.upper() not in folded]
    if parts and len(missing) == len(parts):
        text = ", ".join(parts)
    elif missing:
        text = ", ".join([text, *missing])
    easting, northing = row.get("easting"), row.get("northing")
    return Query(
        text=text,
        postcode=str(row.get("postcode") or row.get("postcode_raw") or ""),
        division=division,
        recorded_on=row.get("recorded_on"),  # type: ignore[arg-type]
        easting=float(easting) if easting is not None else None,  # type: ignore[arg-type]
        northing=float(northing) if northing is not None else None,  # type: ignore[arg-type]
        grid_ref=str(row.get("grid_ref_raw") or ""),
    )


def match_table(ids: list[str], matches: list[Match], division: str, release: str, schema: pa.Schema) -> pa.Table:
    """Matches as rows of the national entity `location_match`."""
    columns = {
        "division_code": [division] * len(ids),
        "location_id": ids,
        "location_class_code": [m.location_class for m in matches],
        "match_level_code": [m.level for m in matches],
        "uprn": [m.uprn for m in matches],
        "usrn": [m.usrn for m in matches],
        "matched_postcode": [m.postcode for m in matches],
        "easting": [m.easting for m in matches],
        "northing": [m.northing for m in matches],
        "located_division_code": [m.division for m in matches],
        "beat_code": [m.beat for m in matches],
        "confidence": [m.confidence for m in matches],
        "margin": [m.margin for m in matches],
        "match_rule": [m.rule for m in matches],
        "refusal_code": [m.refusal for m in matches],
        "evidence": [m.evidence for m in matches],
        "gazetteer_release": [release] * len(ids),
    }
    return pa.table({f.name: pa.array(columns[f.name], f.type) for f in schema}, schema=schema)


def _write_reports(context: RunContext, source: Path, writer: LayerWriter) -> None:
    """`crime_report` with `beat_code` from its locus; every other column, `row_hash` included, as mapped."""
    with open_session(context.settings) as connection:
        columns = _columns_of(connection, source)
        kept = ", ".join("m.beat_code" if c == "beat_code" else f"r.{quote(c)}" for c in columns)
        matches = read_parquet_sql(writer.folder / "location_match.parquet")
        query = (
            f"SELECT {kept} FROM {read_parquet_sql(source)} r "
            f"LEFT JOIN {matches} m ON m.location_id = r.locus_location_id ORDER BY r.crime_report_id"
        )
        copy_to_parquet(connection, query, writer.path("crime_report"), parquet_metadata(context))


def _columns_of(connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    return [str(r[0]) for r in connection.execute(f"DESCRIBE SELECT * FROM {read_parquet_sql(path)}").fetchall()]
