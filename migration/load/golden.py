"""Golden nominals in the national database: links moved to what a linkage says, nothing forgotten.

Enters: an open transaction in which every division's partition of `nominal_link` is attached, and tables with the links
of the whole national set and what dedupe derived from them. Leaves: `national.nominal_link` equal to those links;
`control.golden_history` with a dated row per nominal and golden id (append-only); `national.golden_nominal` derived
from the links and the history; survivorship and match candidates of what is live. Must hold: one open history row per
link. Refuses: links of other nominals than are national, in either direction.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from migration.errors import ReconciliationError
from migration.load.partitions import qualified
from migration.schema.sql import table_of


@dataclass(frozen=True)
class LinkTables:
    """Schema-qualified, quoted names of the tables a linkage left in the database."""

    national_link: str
    survivorship: str
    match_candidate: str


@dataclass(frozen=True)
class LinkChange:
    """What moving the links did, in rows.

    `links_changed` counts links that were national already; `golden_combined` the golden nominals that hold several
    nominals and gained or lost one.
    """

    links_changed: int
    periods_closed: int
    periods_opened: int
    golden_combined: int


def staged_link_tables(suffix: str) -> LinkTables:
    """The link tables in `staging` whose names end in `_<suffix>`."""
    names = ("national_link", "survivorship", "match_candidate")
    return LinkTables(*(qualified("staging", f"{name}_{suffix}") for name in names))


def apply_links(
    connection: sa.Connection, tables: LinkTables, division: str, cause_run_id: str, at: datetime
) -> LinkChange:
    """Make the national links those of `tables` and everything that follows from them.

    Args:
        tables: links of the whole national set as it is after the division's partitions moved.
        division: division that was just published or rolled back.
        cause_run_id: run the history names as the cause.
        at: moment from which the links are in force.

    Raises:
        ReconciliationError: the links are not of exactly the nominals that are national now.
    """
    changed = _execute(
        connection,
        f"UPDATE national.nominal_link o SET golden_id = n.golden_id, link_rule = n.link_rule, "
        f"model_version = n.model_version, linked_at_utc = :at FROM {tables.national_link} n "
        "WHERE n.division_code = o.division_code AND n.nominal_id = o.nominal_id "
        "AND (o.golden_id, o.link_rule, o.model_version) IS DISTINCT FROM (n.golden_id, n.link_rule, n.model_version)",
        at=at,
    )
    _check_same_nominals(connection, tables)
    opened, closed, combined = _write_history(connection, cause_run_id, at)
    _derive_golden(connection)
    _replace_survivorship(connection, tables)
    _replace_candidates(connection, tables, division)
    return LinkChange(changed, closed, opened, combined)


def _execute(connection: sa.Connection, statement: str, **parameters: object) -> int:
    return connection.execute(sa.text(statement), parameters).rowcount


def _check_same_nominals(connection: sa.Connection, tables: LinkTables) -> None:
    query = f"""
        SELECT count(*) FILTER (WHERE n.nominal_id IS NULL), count(*) FILTER (WHERE o.nominal_id IS NULL)
        FROM national.nominal_link o
        FULL JOIN {tables.national_link} n ON n.division_code = o.division_code AND n.nominal_id = o.nominal_id
        WHERE n.nominal_id IS NULL OR o.nominal_id IS NULL
    """
    unlinked, unknown = connection.execute(sa.text(query)).one()
    if unlinked or unknown:
        raise ReconciliationError(
            "golden links",
            f"{unlinked} national nominals without a link and {unknown} links without a national nominal",
            "one link per national nominal",
            "Run dedupe again for this run: it was linked against another set of published runs.",
        )


def _write_history(connection: sa.Connection, cause_run_id: str, at: datetime) -> tuple[int, int, int]:
    """Close the open periods that no longer hold, open those that are new; returns opened, closed and combined."""
    closed = _execute(
        connection,
        "UPDATE control.golden_history h SET valid_to_utc = :at WHERE valid_to_utc IS NULL AND NOT EXISTS ("
        "SELECT FROM national.nominal_link l WHERE l.division_code = h.division_code "
        "AND l.nominal_id = h.nominal_id AND l.golden_id = h.golden_id)",
        at=at,
    )
    opened = _execute(
        connection,
        "INSERT INTO control.golden_history "
        "(history_id, division_code, nominal_id, golden_id, valid_from_utc, cause_run_id) "
        "SELECT md5(concat_ws('|', l.division_code, l.nominal_id, l.golden_id, CAST(:cause AS text), "
        "CAST(:at AS timestamptz))), l.division_code, l.nominal_id, l.golden_id, :at, :cause "
        "FROM national.nominal_link l WHERE NOT EXISTS (SELECT FROM control.golden_history h "
        "WHERE h.valid_to_utc IS NULL AND h.division_code = l.division_code AND h.nominal_id = l.nominal_id)",
        at=at,
        cause=cause_run_id,
    )
    query = (
        "SELECT count(*) FROM (SELECT golden_id FROM national.nominal_link GROUP BY golden_id HAVING count(*) > 1) g "
        "WHERE EXISTS (SELECT FROM control.golden_history h WHERE h.golden_id = g.golden_id "
        "AND (h.valid_from_utc = :at OR h.valid_to_utc = :at))"
    )
    return opened, closed, int(connection.scalar(sa.text(query), {"at": at}) or 0)


def _derive_golden(connection: sa.Connection) -> None:
    """Golden nominals from the links in force; an id without links redirects to where its nominals went, else retires.

    Where they went to several, the one with the smallest nominal id still linked counts: it would name the cluster.
    """
    connection.execute(
        sa.text("""
        CREATE TEMP TABLE golden_now ON COMMIT DROP AS
        WITH live AS (
            SELECT golden_id, 'LIVE' AS golden_status_code, NULL::text AS redirect_to, count(*) AS nominals,
                   string_agg(DISTINCT division_code, ',' ORDER BY division_code) AS divisions
            FROM national.nominal_link GROUP BY golden_id),
        gone AS (
            SELECT DISTINCT ON (h.golden_id) h.golden_id, l.golden_id AS redirect_to
            FROM control.golden_history h
            LEFT JOIN national.nominal_link l ON l.division_code = h.division_code AND l.nominal_id = h.nominal_id
            WHERE NOT EXISTS (SELECT FROM live WHERE live.golden_id = h.golden_id)
            ORDER BY h.golden_id, l.nominal_id NULLS LAST)
        SELECT * FROM live
        UNION ALL
        SELECT golden_id, CASE WHEN redirect_to IS NULL THEN 'RETIRED' ELSE 'REDIRECT' END, redirect_to, 0, '' FROM gone
        """)
    )
    columns = ", ".join(c.name for c in table_of("golden_nominal").columns)
    connection.execute(
        sa.text(
            "DELETE FROM national.golden_nominal g WHERE NOT EXISTS (SELECT FROM golden_now n "
            "WHERE n.golden_id = g.golden_id AND (n.golden_status_code, n.redirect_to, n.nominals, n.divisions) "
            "IS NOT DISTINCT FROM (g.golden_status_code, g.redirect_to, g.nominals, g.divisions))"
        )
    )
    connection.execute(
        sa.text(
            f"INSERT INTO national.golden_nominal ({columns}) SELECT {columns} FROM golden_now n "
            "WHERE NOT EXISTS (SELECT FROM national.golden_nominal g WHERE g.golden_id = n.golden_id)"
        )
    )
    connection.execute(sa.text("DROP TABLE golden_now"))


def _replace_survivorship(connection: sa.Connection, tables: LinkTables) -> None:
    """Surviving attributes: the linkage's for the golden nominals it names, none for those that are not live."""
    connection.execute(
        sa.text(
            "DELETE FROM national.survivorship s WHERE EXISTS "
            f"(SELECT FROM {tables.survivorship} n WHERE n.golden_id = s.golden_id) OR NOT EXISTS "
            "(SELECT FROM national.golden_nominal g WHERE g.golden_id = s.golden_id AND g.golden_status_code = 'LIVE')"
        )
    )
    columns = ", ".join(c.name for c in table_of("survivorship").columns)
    connection.execute(
        sa.text(
            f"INSERT INTO national.survivorship ({columns}) SELECT {columns} FROM {tables.survivorship} n WHERE EXISTS "
            "(SELECT FROM national.golden_nominal g WHERE g.golden_id = n.golden_id AND g.golden_status_code = 'LIVE')"
        )
    )


def _replace_candidates(connection: sa.Connection, tables: LinkTables, division: str) -> None:
    """Compared pairs: those of the division and those the linkage compared again give way to the linkage's."""
    connection.execute(
        sa.text(
            "DELETE FROM national.match_candidate c WHERE left_division_code = :division "
            f"OR right_division_code = :division OR EXISTS (SELECT FROM {tables.match_candidate} n "
            "WHERE n.left_nominal_id = c.left_nominal_id AND n.right_nominal_id = c.right_nominal_id)"
        ),
        {"division": division},
    )
    columns = ", ".join(c.name for c in table_of("match_candidate").columns)
    connection.execute(
        sa.text(f"INSERT INTO national.match_candidate ({columns}) SELECT {columns} FROM {tables.match_candidate}")
    )
