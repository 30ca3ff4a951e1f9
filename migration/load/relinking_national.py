"""The national set linked again from the lake, by dedupe's linkage: what a rollback applies.

Enters: the runs that stay national, the judgements in force. Leaves: `national_link`, `survivorship` and
`match_candidate` as Parquet. Must hold: links and survivorship are those of publishing only these runs; compared
pairs are the ones the runs recorded, as far as both nominals stay, with the band that the links now give them.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from migration.dedupe.golden_values import LINKED_NOMINAL_SQL
from migration.dedupe.nominals import create_view
from migration.dedupe.stage import national_model, relink
from migration.dedupe.survivorship import read_survivorship, survivorship_sql
from migration.duck import copy_to_parquet, open_session
from migration.load.judgements import read_judgements
from migration.load.relinking import Relink
from migration.records import PublishedRun, RunContext
from migration.schema.arrow import duckdb_type
from migration.schema.model import load_schema
from migration.settings import Settings

SURVIVORSHIP_ENTITIES = ("nominal", "nominal_identifier", "crime_nominal", "crime_report")
_PAIRS = """
SELECT DISTINCT ON (c.left_nominal_id, c.right_nominal_id) c.* REPLACE (
    CASE WHEN l.golden_id = r.golden_id THEN 'AUTO'
         WHEN c.band_code <> 'AUTO' THEN c.band_code
         WHEN c.score >= $review THEN 'REVIEW' ELSE 'REJECT' END AS band_code)
FROM match_candidate c
JOIN links l ON l.nominal_id = c.left_nominal_id
JOIN links r ON r.nominal_id = c.right_nominal_id
ORDER BY c.left_nominal_id, c.right_nominal_id, c.model_version
"""


def national_relink(settings: Settings, engine: sa.Engine) -> Relink:
    """The linkage a rollback uses: dedupe's model and the judgements that stand in the database now."""
    judgements = read_judgements(engine)

    def link_runs(runs: Sequence[PublishedRun], folder: Path) -> None:
        links = relink(settings, runs, judgements)
        pq.write_table(links, folder / "national_link.parquet")
        contexts = [RunContext(settings, run.division, run.run_id) for run in runs]
        _write_derived(settings, contexts, links, folder)

    return link_runs


def _write_derived(settings: Settings, runs: Sequence[RunContext], links: pa.Table, folder: Path) -> None:
    """Write survivorship and the compared pairs of linked runs."""
    review = national_model(settings).thresholds.review
    with open_session(settings) as session:
        session.register("links", links)
        for entity in (*SURVIVORSHIP_ENTITIES, "match_candidate"):
            create_view(session, entity, runs)
        session.execute(LINKED_NOMINAL_SQL)
        _write_entity(session, "survivorship", survivorship_sql(read_survivorship(settings.mappings)), folder)
        _write_entity(session, "match_candidate", _PAIRS.replace("$review", repr(float(review))), folder)


def _write_entity(session: duckdb.DuckDBPyConnection, entity: str, query: str, folder: Path) -> None:
    fields = load_schema().entity(entity).fields
    columns = ", ".join(f"{f.name}::{duckdb_type(f)} AS {f.name}" for f in fields)
    copy_to_parquet(session, f"SELECT {columns} FROM ({query})", folder / f"{entity}.parquet", {})
