"""What is wrong with a gazetteer release, by rule and entry.

Enters: the compiled tables of a build. Leaves: `out_issue` (rule, severity, uprn, detail) and counts by rule. Must
hold: findings name entries by UPRN only. Refuses (SourceError) a release in which nothing can be located; all else is
reported, because gazetteers are dirty and a run must still be possible.
"""

import duckdb

from migration.errors import SourceError

DISTANCE_FROM_POSTCODE_M = 3000
"""Farther than this from the median point of its postcode, an entry's coordinates or postcode are doubtful."""
BOUNDS = (0, 700_000, 500_000, 1_300_000)
"""Easting and northing of Scotland with its islands, EPSG:27700."""

_RULES = {
    "duplicate_key": (
        "ERROR",
        "SELECT uprn, 'entries with one UPRN and status: ' || count(*) FROM lpi_status "
        "WHERE uprn IS NOT NULL AND status IN ('APPROVED', 'HISTORIC') "
        "GROUP BY uprn, status, start_date HAVING count(*) > 1",
    ),
    "uprn_missing": (
        "ERROR",
        "SELECT NULL, 'entries without UPRN: ' || count(*) FROM lpi_status WHERE uprn IS NULL "
        "AND street_key <> '' HAVING count(*) > 0",
    ),
    "uprn_invalid": (
        "ERROR",
        "SELECT uprn, 'UPRN not of 1 to 12 digits' FROM lpi_status WHERE uprn <= 0 OR uprn > 999999999999",
    ),
    "parent_missing": (
        "WARNING",
        "SELECT l.uprn, 'parent not in the release' FROM lpi_status l "
        "LEFT JOIN (SELECT DISTINCT uprn FROM lpi_status) p ON p.uprn = l.parent_uprn "
        "WHERE l.parent_uprn IS NOT NULL AND p.uprn IS NULL",
    ),
    "coordinates_missing": (
        "WARNING",
        "SELECT uprn, 'no coordinates' FROM lpi_status "
        "WHERE uprn IS NOT NULL AND (easting IS NULL OR northing IS NULL)",
    ),
    "coordinates_outside": (
        "ERROR",
        f"SELECT uprn, 'coordinates outside Scotland' FROM lpi_status "
        f"WHERE easting NOT BETWEEN {BOUNDS[0]} AND {BOUNDS[1]} OR northing NOT BETWEEN {BOUNDS[2]} AND {BOUNDS[3]}",
    ),
    "coordinates_far_from_postcode": (
        "WARNING",
        "SELECT l.uprn, 'farther than "
        f"{DISTANCE_FROM_POSTCODE_M} m from the middle of its postcode' FROM lpi_status l "
        "JOIN (SELECT postcode_key, median(easting) AS e, median(northing) AS n, count(*) AS entries FROM lpi_status "
        "WHERE postcode_key <> '' GROUP BY 1) p ON p.postcode_key = l.postcode_key "
        "WHERE p.entries > 2 AND sqrt(power(l.easting - p.e, 2) + power(l.northing - p.n, 2)) > "
        f"{DISTANCE_FROM_POSTCODE_M}",
    ),
    "postcode_invalid": (
        "WARNING",
        "SELECT uprn, 'postcode not of the format' FROM lpi_status WHERE postcode IS NOT NULL AND postcode_key = ''",
    ),
    "division_differs_from_postcode": (
        "WARNING",
        "SELECT l.uprn, 'division differs from most of its postcode' "
        "FROM lpi_status l JOIN (SELECT postcode_key, mode(division_code ORDER BY division_code) AS d FROM lpi_status "
        "WHERE postcode_key <> '' GROUP BY 1) p ON p.postcode_key = l.postcode_key WHERE l.division_code <> p.d",
    ),
    "street_missing": (
        "WARNING",
        "SELECT uprn, 'numbered entry without a street' FROM lpi_status "
        "WHERE uprn IS NOT NULL AND pao_start_number IS NOT NULL AND street_key = ''",
    ),
    "beat_differs_from_polygon": (
        "WARNING",
        "SELECT DISTINCT uprn, 'beat differs from the polygon at its coordinates' FROM out_premises "
        "WHERE beat_by_polygon IS NOT NULL",
    ),
    "dates_reversed": ("WARNING", "SELECT uprn, 'ends before it starts' FROM lpi_status WHERE end_date < start_date"),
}


def check_entries(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Create `out_issue`; returns findings per rule.

    Raises:
        SourceError: no row has a UPRN or a postcode with coordinates.
    """
    row = connection.execute(
        "SELECT count(*) FROM lpi_status WHERE uprn IS NOT NULL OR (postcode_key <> '' AND easting IS NOT NULL)"
    ).fetchone()
    if row is None or row[0] == 0:
        fix = "Check the column map: `uprn` or `postcode` must name filled columns."
        raise SourceError("gazetteer sources", "no row with a UPRN or a located postcode", "at least one", fix)
    connection.execute("CREATE TABLE out_issue (rule VARCHAR, severity VARCHAR, uprn BIGINT, detail VARCHAR)")
    for rule, (severity, query) in _RULES.items():
        connection.execute(
            f"INSERT INTO out_issue SELECT '{rule}', '{severity}', * FROM ({query}) AS found(uprn, detail)"
        )
    counts = connection.execute("SELECT rule, count(*) FROM out_issue GROUP BY rule ORDER BY rule").fetchall()
    return {str(rule): int(n) for rule, n in counts}
