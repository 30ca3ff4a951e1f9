"""The synthetic gazetteer release, written as a gazetteer manager would receive it.

Enters: seed, release name, number of entries. Leaves: `gazetteer.csv` (BS 7666 / AddressBase-style), `junctions.csv`,
`beats.geojson`, `columns.yml`, `SYNTHETIC.txt`. Must hold: a UPRN has one entry per status, except for the few faults
planted (and listed in `faults.csv`): duplicate keys, parents that are not there, coordinates of another division or
of nowhere.
"""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from migration.layers import write_json
from migration.settings import Settings
from migration.synthetic.draws import Draws
from migration.synthetic.entries import COLUMNS, Entries, make_entries, plant_faults
from migration.synthetic.places import list_beats
from migration.synthetic.premises import make_premises
from migration.synthetic.streets import Streets, list_junctions, make_streets

DEFAULT_RELEASE = "synthetic-1"
DEFAULT_ENTRIES = 60_000
NOTICE = "SYNTHETIC: invented addresses. Names of towns and division letters are facts; everything else is made up.\n"


def gazetteer_folder(settings: Settings, release: str = DEFAULT_RELEASE) -> Path:
    """Folder of a synthetic gazetteer release."""
    return settings.estates / "gazetteer" / release


def build_gazetteer(
    settings: Settings, seed: int, release: str = DEFAULT_RELEASE, entries: int = DEFAULT_ENTRIES
) -> Path:
    """Write a release of about `entries` entries and return its folder; one already made from the same inputs stays."""
    folder = gazetteer_folder(settings, release)
    stamp = f"{NOTICE}release {release}\nseed {seed}\nentries asked for {entries}\n"
    notice = folder / "SYNTHETIC.txt"
    if notice.exists() and notice.read_text(encoding="utf-8") == stamp:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    notice.unlink(missing_ok=True)
    draws = Draws(seed, "gazetteer")
    streets = make_streets(draws, entries)
    rows = make_entries(draws, streets, make_premises(draws, streets))
    rows, faults = plant_faults(draws, rows)
    _write_entries(rows, folder / "gazetteer.csv")
    pacsv.write_csv(faults, folder / "faults.csv")
    _write_junctions(streets, folder / "junctions.csv")
    _write_beats(folder / "beats.geojson", release)
    _write_columns(folder / "columns.yml", release)
    notice.write_text(stamp, encoding="utf-8")
    return folder


def _write_entries(rows: Entries, path: Path) -> None:
    options = pacsv.WriteOptions(quoting_style="needed")
    with pacsv.CSVWriter(path, rows.slice_table(0, 0).schema, write_options=options) as writer:
        for start in range(0, len(rows), 500_000):
            writer.write_table(rows.slice_table(start, start + 500_000))


def _write_junctions(streets: Streets, path: Path) -> None:
    a, b, easting, northing = list_junctions(streets)
    names = np.array(streets.name, dtype=object)
    keep = names[a] != names[b]
    table = pa.table(
        {
            "usrn_a": streets.usrn[a][keep],
            "usrn_b": streets.usrn[b][keep],
            "easting": easting[keep],
            "northing": northing[keep],
        }
    )
    pacsv.write_csv(table, path)


def _write_beats(path: Path, release: str) -> None:
    features = []
    for beat in list_beats():
        west, south, east, north = (
            round(v, 1) for v in (beat.west, beat.south, beat.west + beat.side_m, beat.south + beat.side_m)
        )
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        features.append(
            {
                "type": "Feature",
                "properties": {"beat_code": beat.code, "division_code": beat.division, "name": beat.name},
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
        )
    collection = {
        "type": "FeatureCollection",
        "name": f"SYNTHETIC beats, release {release}",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::27700"}},
        "features": features,
    }
    write_json(path, json.loads(json.dumps(collection)))


def _write_columns(path: Path, release: str) -> None:
    lines = [
        f"# SYNTHETIC gazetteer {release}: what the columns of gazetteer.csv, junctions.csv and beats.geojson are.",
        'delimiter: ","',
        "columns:",
        *(f"  {name}: {name}" for name in COLUMNS),
        "junctions:",
        *(f"  {name}: {name}" for name in ("usrn_a", "usrn_b", "easting", "northing")),
        "beats:",
        *(f"  {name}: {name}" for name in ("beat_code", "division_code", "name")),
        "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
