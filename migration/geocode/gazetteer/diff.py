"""Two releases compared, and what the change means for records located with the old one.

Enters: two compiled releases, and the `located` layers of the lake. Leaves: counts by kind of change; per run, how
many located records are unchanged, moved, re-parented, retired or gone. Must hold: an entry is counted under one kind
only, the gravest.
"""

import json
from dataclasses import dataclass

from migration.duck import open_session, read_parquet_sql, sql_text
from migration.geocode.gazetteer.release import read_release, table_path
from migration.settings import Settings

MOVED_M = 50
"""Metres from which an entry counts as moved."""

_CHANGES = """
WITH o AS (SELECT uprn, arg_min(struct_pack(address_status, parent_uprn, full_address, beat_code, division_code,
easting, northing),
                                address_status) AS e FROM {old} GROUP BY uprn),
     n AS (SELECT uprn, arg_min(struct_pack(address_status, parent_uprn, full_address, beat_code, division_code,
     easting, northing),
                                address_status) AS e FROM {new} GROUP BY uprn)
SELECT coalesce(o.uprn, n.uprn) AS uprn,
  CASE WHEN n.uprn IS NULL THEN 'removed'
       WHEN o.uprn IS NULL THEN 'added'
       WHEN o.e.address_status <> n.e.address_status THEN 'status changed'
       WHEN o.e.division_code IS DISTINCT FROM n.e.division_code THEN 'division changed'
       WHEN o.e.beat_code IS DISTINCT FROM n.e.beat_code THEN 'beat changed'
       WHEN o.e.parent_uprn IS DISTINCT FROM n.e.parent_uprn THEN 'parent changed'
       WHEN sqrt(power(o.e.easting - n.e.easting, 2) + power(o.e.northing - n.e.northing, 2)) > {moved} THEN 'moved'
       WHEN o.e.full_address <> n.e.full_address THEN 'readdressed'
       ELSE 'unchanged' END AS change
FROM o FULL JOIN n ON n.uprn = o.uprn
"""


@dataclass(frozen=True)
class LocatedEffect:
    """Records of one run whose matched entry changed in one way."""

    division: str
    run_id: str
    effect: str
    records: int


def diff_releases(settings: Settings, old: str, new: str) -> dict[str, int]:
    """Entries by kind of change.

    Raises:
        ConfigError: one of the releases is not compiled.
    """
    with open_session(settings) as connection:
        query = f"SELECT change, count(*) FROM ({_changes_sql(settings, old, new)}) GROUP BY change ORDER BY change"
        return {str(change): int(count) for change, count in connection.execute(query).fetchall()}


def located_changes(settings: Settings, old: str, new: str) -> list[LocatedEffect]:
    """What the change of release means for locations matched with the old one, by division and run."""
    effects: list[LocatedEffect] = []
    with open_session(settings) as connection:
        connection.execute(f"CREATE TEMP TABLE change AS {_changes_sql(settings, old, new)}")
        for path in sorted(settings.lake.glob("*/*/located/location_match.parquet")):
            manifest = path.with_name("manifest.json")
            if not manifest.exists() or not json.loads(manifest.read_text(encoding="utf-8")):
                continue
            rows = connection.execute(
                f"SELECT coalesce(c.change, 'not at an entry'), count(*) FROM {read_parquet_sql(path)} m "
                f"LEFT JOIN change c ON c.uprn = m.uprn WHERE m.gazetteer_release = {sql_text(old)} "
                "GROUP BY 1 ORDER BY 1"
            ).fetchall()
            division, run_id = path.parts[-4], path.parts[-3]
            effects.extend(LocatedEffect(division, run_id, str(effect), int(n)) for effect, n in rows)
    return effects


def _changes_sql(settings: Settings, old: str, new: str) -> str:
    for name in (old, new):
        read_release(settings, name)
    relations = {k: read_parquet_sql(table_path(settings, r, "entry")) for k, r in (("old", old), ("new", new))}
    return _CHANGES.format(old=relations["old"], new=relations["new"], moved=MOVED_M)
