"""Beats by polygon: which beat a point lies in, and where that differs from the beat the gazetteer states.

Enters: `beat_source` or the compiled `beat` table, and points of EPSG:27700. Leaves: beat codes; during a build
`out_premises` gets `beat_by_polygon` where the two differ, and a finding each. Must hold: the gazetteer's code
stands, the polygon only checks it; a point on a border belongs to the beat whose code sorts first, so that the answer
does not depend on order.
"""

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
import shapely
from shapely import STRtree


class BeatMap:
    """Polygons of beats, indexed. Empty where a release has none."""

    def __init__(self, codes: Sequence[str], divisions: Sequence[str], shapes: Sequence[bytes]) -> None:
        order = sorted(range(len(codes)), key=lambda i: codes[i])
        self.codes = [codes[i] for i in order]
        self.divisions = [divisions[i] for i in order]
        self.tree = STRtree([shapely.from_wkb(shapes[i]) for i in order])

    def find(self, eastings: Sequence[float], northings: Sequence[float]) -> list[int]:
        """Position of the beat of each point, -1 where it lies in none."""
        found = np.full(len(eastings), len(self.codes), dtype=np.int64)
        points, beats = self.tree.query(shapely.points(eastings, northings), predicate="intersects")
        np.minimum.at(found, points, beats)
        return [int(b) if b < len(self.codes) else -1 for b in found]

    def at(self, easting: float, northing: float) -> tuple[str, str]:
        """Beat and division of one point; empty where it lies in none."""
        if not self.codes:
            return "", ""
        index = self.find([easting], [northing])[0]
        return (self.codes[index], self.divisions[index]) if index >= 0 else ("", "")


def make_beat_map(table: pa.Table) -> BeatMap:
    """The map of a `beat` table; beats without a polygon are left out."""
    rows = [r for r in table.to_pylist() if r["wkb"] is not None]
    return BeatMap([r["beat_code"] for r in rows], [r["division_code"] or "" for r in rows], [r["wkb"] for r in rows])


def compare_beats(connection: duckdb.DuckDBPyConnection) -> None:
    """Add `beat_by_polygon` to `out_premises`: the polygon's beat where it is not the entry's."""
    beats = make_beat_map(connection.execute("SELECT * FROM out_beat").to_arrow_table())
    points = connection.execute(
        "SELECT DISTINCT easting, northing FROM out_premises "
        "WHERE easting IS NOT NULL AND northing IS NOT NULL ORDER BY ALL"
    ).fetchall()
    found = beats.find([p[0] for p in points], [p[1] for p in points]) if beats.codes and points else [-1] * len(points)
    table = pa.table(
        {
            "e": pa.array([p[0] for p in points], pa.int32()),
            "n": pa.array([p[1] for p in points], pa.int32()),
            "code": pa.array([beats.codes[i] if i >= 0 else None for i in found], pa.string()),
        }
    )
    connection.register("polygon_beats", table)
    connection.execute(
        "CREATE OR REPLACE TABLE out_premises AS "
        "SELECT p.*, CASE WHEN b.code <> p.beat_code THEN b.code END AS beat_by_polygon "
        "FROM out_premises p LEFT JOIN polygon_beats b ON b.e = p.easting AND b.n = p.northing"
    )
    connection.unregister("polygon_beats")
