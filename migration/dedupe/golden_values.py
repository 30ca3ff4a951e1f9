"""Golden nominals and the values they show: tables `golden_nominal` and `survivorship` of layer `linked`.

Enters: `national_link` as written, the runs it links, the declaration of survivorship. Leaves: one row per golden id
ever given (in force, redirected, retired), one row per golden nominal and attribute. Must hold: values depend on a
golden nominal's own nominals only, so those of one that holds the very nominals it held in a published run are taken
from there; only golden nominals that a joining division changed are worked out. Refuses nothing.
"""

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from migration.dedupe.golden import redirect_ids
from migration.dedupe.national import Linked
from migration.dedupe.national_set import run_fingerprints
from migration.dedupe.nominals import create_view
from migration.dedupe.survivorship import Survivorship, check_survivorship, survivorship_file, survivorship_sql
from migration.duck import copy_to_parquet, open_session, read_parquet_sql
from migration.layers import (
    LayerWriter,
    code_version,
    find_manifest,
    hash_file,
    layer_folder,
    parquet_metadata,
    read_manifest,
)
from migration.records import Layer, RunContext
from migration.schema.arrow import duckdb_type
from migration.schema.model import load_schema

GOLDEN_SQL = """
SELECT golden_id, 'LIVE' AS golden_status_code, NULL::VARCHAR AS redirect_to, count(*) AS nominals,
       string_agg(DISTINCT division_code, ',' ORDER BY division_code) AS divisions
FROM links GROUP BY golden_id
UNION ALL
SELECT golden_id, CASE WHEN redirect_to IS NULL THEN 'RETIRED' ELSE 'REDIRECT' END, redirect_to, 0, '' FROM redirects
ORDER BY golden_id
"""
REDIRECTS_SQL = """
CREATE TEMP TABLE redirects AS
SELECT g.golden_id, coalesce(g.redirect_to, went.redirect_to) AS redirect_to
FROM given_before g
LEFT JOIN (
    SELECT e.golden_id, arg_min(l.golden_id, l.nominal_id) AS redirect_to
    FROM earlier_nominals e JOIN links l USING (nominal_id) GROUP BY e.golden_id
) AS went USING (golden_id)
"""
"""An id whose own nominal is gone leads to where its others went; where to several, the smallest nominal counts."""
LINKED_NOMINAL_SQL = """
CREATE TEMP TABLE last_recorded AS
SELECT c.nominal_id, max(r.recorded_at_utc)::DATE AS last_recorded_on
FROM crime_nominal c JOIN crime_report r USING (crime_report_id)
WHERE c.nominal_id IN (SELECT nominal_id FROM links) GROUP BY c.nominal_id;
CREATE VIEW linked_nominal AS
SELECT n.*, l.golden_id, r.last_recorded_on
FROM nominal n
JOIN links l USING (division_code, nominal_id)
LEFT JOIN last_recorded r USING (nominal_id)
"""
"""Nominals of `links` with what survivorship needs beside them; the crimes are read once, not for every attribute."""
UNCHANGED_SQL = """
CREATE TEMP TABLE unchanged AS
SELECT golden_id
FROM links FULL JOIN earlier_links AS e USING (golden_id, nominal_id)
GROUP BY golden_id HAVING count(links.nominal_id) = count(*) AND count(e.nominal_id) = count(*)
"""
"""Golden nominals that hold the very nominals they held in an earlier run."""


def write_golden(
    context: RunContext, runs: Sequence[RunContext], writer: LayerWriter, linked: Linked, survivorship: Survivorship
) -> int:
    """Write `golden_nominal` (ids in force, redirects, retired ids) and `survivorship`.

    Returns:
        How many golden nominals' values were worked out; those of the others were taken from a published run.
    """
    given = [i for run in runs for i in _given_ids(run)]
    given_before = redirect_ids(given, linked.matrix.record_ids, linked.golden)
    metadata = parquet_metadata(context)
    with open_session(context.settings) as connection:
        connection.register("given_before", given_before)
        connection.execute(f"CREATE VIEW links AS FROM {read_parquet_sql(writer.path('national_link'))}")
        _create_earlier_nominals(connection, runs)
        connection.execute(REDIRECTS_SQL)
        copy_to_parquet(connection, _cast("golden_nominal", GOLDEN_SQL), writer.path("golden_nominal"), metadata)
        for entity in ("nominal", "nominal_identifier", "crime_nominal", "crime_report"):
            create_view(connection, entity, (context, *runs))
        kept = _leave_out_unchanged(connection, context, runs)
        connection.execute(LINKED_NOMINAL_SQL)
        connection.execute(f"CREATE TEMP TABLE survivorship AS {_cast('survivorship', survivorship_sql(survivorship))}")
        if kept:
            connection.execute(f"INSERT INTO survivorship {kept}")
        check_survivorship(connection)
        query = "SELECT * FROM survivorship ORDER BY golden_id, attribute"
        copy_to_parquet(connection, query, writer.path("survivorship"), metadata)
        counted = connection.execute("SELECT count(DISTINCT golden_id) FROM links").fetchone()
        return int(counted[0]) if counted else 0


def values_key(runs: Sequence[RunContext]) -> dict[str, object]:
    """What the golden values of some runs are made from: their content, the declaration, the code."""
    declared = hash_file(survivorship_file(runs[0].settings.mappings))
    return {"runs": run_fingerprints(runs), "declared": declared, "code": code_version()}


def _leave_out_unchanged(connection: duckdb.DuckDBPyConnection, context: RunContext, runs: Sequence[RunContext]) -> str:
    """Leave golden nominals whose values a published run has worked out out of `links`; a query of those values.

    Empty where no published run's values are of use.
    """
    earlier = _find_earlier_values(context, runs)
    if earlier is None:
        return ""
    folder = layer_folder(earlier, Layer.LINKED)
    source = read_parquet_sql(folder / "national_link.parquet")
    connection.execute(f"CREATE VIEW earlier_links AS SELECT nominal_id, golden_id FROM {source}")
    connection.execute(UNCHANGED_SQL)
    connection.execute("CREATE TEMP TABLE touched AS SELECT * FROM links ANTI JOIN unchanged USING (golden_id)")
    connection.execute("CREATE OR REPLACE VIEW links AS FROM touched")
    values = read_parquet_sql(folder / "survivorship.parquet")
    return f"SELECT * FROM {values} SEMI JOIN unchanged USING (golden_id)"


def _find_earlier_values(context: RunContext, runs: Sequence[RunContext]) -> RunContext | None:
    """The published run that worked out the values of the most of these runs, from the same content and code.

    Raises:
        SourceError: its layer is damaged.
    """
    now = values_key((context, *runs))
    fingerprints = run_fingerprints((context, *runs))
    found: list[tuple[int, str, RunContext]] = []
    for run in runs:
        manifest = find_manifest(run, Layer.LINKED)
        made = manifest.facts.get("values") if manifest else None
        if not isinstance(made, Mapping) or {**made, "runs": now["runs"]} != now:
            continue
        if made["runs"].items() <= fingerprints.items():
            found.append((len(made["runs"]), run.division, run))
    if not found:
        return None
    best = max(found, key=lambda f: f[:2])[2]
    read_manifest(best, Layer.LINKED)
    return best


def _create_earlier_nominals(connection: duckdb.DuckDBPyConnection, runs: Sequence[RunContext]) -> None:
    """Create a view of the nominals that golden ids had in published runs."""
    paths = [layer_folder(run, Layer.LINKED) / "national_link.parquet" for run in runs]
    parts = ["SELECT NULL::VARCHAR AS golden_id, NULL::VARCHAR AS nominal_id WHERE false"]
    parts += [f"SELECT golden_id, nominal_id FROM {read_parquet_sql(p)}" for p in paths if p.exists()]
    connection.execute(f"CREATE VIEW earlier_nominals AS {' UNION ALL '.join(parts)}")


def _given_ids(run: RunContext) -> list[str]:
    """Golden ids that a published run knew: in force, redirected or retired."""
    path = layer_folder(run, Layer.LINKED) / "golden_nominal.parquet"
    ids = pq.read_table(path, columns=["golden_id"]).column("golden_id") if path.exists() else pa.array([], pa.string())
    return [str(i) for i in ids.to_pylist()]


def _cast(entity: str, query: str) -> str:
    """A query with the columns of an entity, in order, as its types."""
    fields = load_schema().entity(entity).fields
    columns = ", ".join(f"{f.name}::{duckdb_type(f)} AS {f.name}" for f in fields)
    return f"SELECT {columns} FROM ({query})"
