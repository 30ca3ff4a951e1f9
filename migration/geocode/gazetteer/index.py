"""A compiled release in memory, as the matcher reads it.

Enters: a release folder. Leaves: a `Gazetteer`: streets, aliases, postcodes, localities, places, junctions, and the
premises of a street on demand. Must hold: nothing here depends on the order of rows in the files. Memory: columns
stay in NumPy; only the premises that queries reach become Python objects (`premises.py`).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from migration.geocode.collector import without_collector
from migration.geocode.gazetteer.beats import BeatMap, make_beat_map
from migration.geocode.gazetteer.premises import PremisesIndex, index_premises, premises_keys
from migration.geocode.gazetteer.release import ReleaseManifest, read_release, release_folder
from migration.geocode.postcodes import area, district, sector
from migration.geocode.vocabulary import vocabulary
from migration.settings import Settings


@dataclass(frozen=True, slots=True)
class Street:
    """One USRN in one locality and town. `usrn` below 0 stands for none in the source."""

    id: int
    usrn: int
    key: str
    locality: str
    town: str
    admin: str
    division: str
    beat: str
    easting: int
    northing: int
    entries: int
    sectors: frozenset[str]
    districts: frozenset[str]
    areas: frozenset[str]


@dataclass(frozen=True, slots=True)
class Point:
    """A postcode or locality: centre, division and beat where all its entries share one, and how many entries."""

    easting: int | None
    northing: int | None
    division: str
    beat: str
    entries: int


@dataclass
class Gazetteer:
    """A release in memory. Build it with `load_gazetteer`; share it with workers by forking."""

    manifest: ReleaseManifest
    streets: list[Street]
    aliases: dict[str, tuple[int, ...]]
    alias_lengths: dict[str, int]
    base_names: dict[str, tuple[str, ...]]
    joined_names: dict[str, tuple[str, ...]]
    postcode_streets: dict[str, tuple[int, ...]]
    postcodes: dict[str, Point]
    localities: dict[str, Point]
    locality_towns: dict[str, frozenset[str]]
    locality_lengths: dict[str, int]
    admins: frozenset[str]
    places: dict[str, tuple[tuple[int, int, str, str, str, str], ...]]
    place_lengths: dict[str, int]
    junctions: dict[tuple[int, int], tuple[int, int]]
    beats: BeatMap
    usrn_streets: dict[int, tuple[int, ...]]
    premises: PremisesIndex
    columns: dict[str, npt.NDArray[np.generic]]
    dictionaries: dict[str, list[str]]
    uprn_rows: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
    has_premises: bool = True

    @property
    def release(self) -> str:
        """Name of the release."""
        return self.manifest.release

    def __post_init__(self) -> None:
        """Views of the columns whose single items are read without an array scalar for each."""
        self.views = {name: column.data for name, column in self.columns.items()}

    def dates(self, row: int) -> tuple[date | None, date | None]:
        """First and last day of a premises row."""
        return _as_date(self.views["start_date"][row]), _as_date(self.views["end_date"][row])

    def has_end(self, row: int) -> bool:
        """Whether a premises row says its last day."""
        return bool(self.views["end_date"][row] > _NO_DATE)

    def place_of(self, row: int) -> tuple[int | None, int | None, str | None, str | None, str | None, int]:
        """Easting, northing, division, beat, postcode and street id of a premises row."""
        c, d = self.views, self.dictionaries
        easting, northing = c["easting"][row], c["northing"][row]
        return (
            easting if easting >= 0 else None,
            northing if northing >= 0 else None,
            d["division_code"][c["division_code"][row]] or None,
            d["beat_code"][c["beat_code"][row]] or None,
            d["postcode"][c["postcode"][row]] or None,
            c["street_id"][row],
        )

    def postcode_of(self, uprn: int) -> str | None:
        """Postcode of the row that `find_uprn` finds, if it has one."""
        row = self.find_uprn(uprn)
        code = self.dictionaries["postcode"][self.columns["postcode"][row]] if row is not None else ""
        return code or None

    def polygon_beat(self, row: int) -> str:
        """Beat of the polygon at a premises row where it differs from the row's own, else ``."""
        return self.dictionaries["beat_by_polygon"][self.views["beat_by_polygon"][row]]

    def find_uprn(self, uprn: int) -> int | None:
        """A premises row of a UPRN: the approved one where there is one, else the first."""
        uprns, rows = self.uprn_rows
        at = int(uprns.searchsorted(uprn))
        return int(rows[at]) if at < len(uprns) and uprns[at] == uprn else None


_TEXT_COLUMNS = (
    "suffix",
    "flat",
    "status",
    "unit",
    "name_key",
    "org_key",
    "division_code",
    "beat_code",
    "postcode",
    "beat_by_polygon",
)
_INT_COLUMNS = ("street_id", "number", "end_number", "uprn", "parent_uprn", "easting", "northing")
_STREET_COLUMNS = (
    "street_id",
    "usrn",
    "street_key",
    "locality_key",
    "town_key",
    "admin_key",
    "division_code",
    "beat_code",
    "easting",
    "northing",
    "entries",
    "postcodes",
)
_NO_DATE = -700_000
_EPOCH = date(1970, 1, 1).toordinal()


def _as_date(days: int) -> date | None:
    return date.fromordinal(_EPOCH + days) if days > _NO_DATE else None


def load_gazetteer(settings: Settings, release: str | None = None) -> Gazetteer:
    """The compiled release (the configured one by default) in memory.

    Raises:
        ConfigError: the release is not compiled.
    """
    with without_collector():
        return _load(settings, release or settings.gazetteer_release)


def _load(settings: Settings, name: str) -> Gazetteer:
    manifest = read_release(settings, name)
    folder = release_folder(settings, name)
    columns, dictionaries = _load_premises(folder)
    streets, postcode_streets = _load_streets(folder)
    aliases = _load_aliases(folder)
    localities, towns, admins = _load_localities(folder)
    places = _load_places(folder)
    usrns: dict[int, list[int]] = defaultdict(list)
    for street in streets:
        usrns[street.usrn].append(street.id)
    return Gazetteer(
        manifest=manifest,
        streets=streets,
        aliases=aliases,
        alias_lengths=first_token_lengths(aliases),
        base_names=_base_names(aliases),
        joined_names=_joined_names(aliases),
        postcode_streets=postcode_streets,
        postcodes=_load_points(folder, "postcode", "postcode"),
        localities=localities,
        locality_towns=towns,
        locality_lengths=first_token_lengths([*localities, *vocabulary().counties, *vocabulary().outside]),
        admins=admins,
        places=places,
        place_lengths=first_token_lengths(places),
        junctions=_load_junctions(folder),
        beats=make_beat_map(_read(folder, "beat")),
        usrn_streets={u: tuple(ids) for u, ids in usrns.items()},
        premises=index_premises(columns, dictionaries, len(streets)),
        columns=columns,
        dictionaries=dictionaries,
        uprn_rows=_index_uprns(columns, dictionaries),
        has_premises=len(columns["uprn"]) > 0,
    )


def _load_premises(folder: Path) -> tuple[dict[str, npt.NDArray[np.generic]], dict[str, list[str]]]:
    """Columns of the premises table by street and number, as it is written."""
    columns, dictionaries = _split_columns(_read(folder, "premises"))
    keys = premises_keys(columns)
    if not bool(np.all(keys[1:] >= keys[:-1])):
        order = np.argsort(keys, kind="stable")
        columns = {name: column[order] for name, column in columns.items()}
    return columns, dictionaries


def _read(folder: Path, table: str) -> pa.Table:
    with pq.ParquetFile(folder / f"{table}.parquet") as file:
        return file.read()


def _rows(table: pa.Table, names: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """Rows of some columns as tuples, without a dictionary for each."""
    return zip(*(table[name].to_pylist() for name in names), strict=True)


def _split_columns(premises: pa.Table) -> tuple[dict[str, npt.NDArray[np.generic]], dict[str, list[str]]]:
    columns: dict[str, npt.NDArray[np.generic]] = {}
    dictionaries: dict[str, list[str]] = {}
    for name in _INT_COLUMNS:
        columns[name] = premises[name].fill_null(-1).combine_chunks().to_numpy(zero_copy_only=False)
    for name in _TEXT_COLUMNS:
        encoded = premises[name].fill_null("").combine_chunks().dictionary_encode()
        columns[name] = encoded.indices.to_numpy(zero_copy_only=False)
        dictionaries[name] = encoded.dictionary.to_pylist()
    for name in ("start_date", "end_date"):
        days = premises[name].cast(pa.int32()).fill_null(-800_000)
        columns[name] = days.combine_chunks().to_numpy(zero_copy_only=False)
    columns["is_parent"] = premises["is_parent"].combine_chunks().to_numpy(zero_copy_only=False)
    return columns, dictionaries


def _load_streets(folder: Path) -> tuple[list[Street], dict[str, tuple[int, ...]]]:
    streets: list[Street] = []
    of_postcode: dict[str, list[int]] = defaultdict(list)
    for number, usrn, key, locality, town, admin, division, beat, easting, northing, entries, codes in _rows(
        _read(folder, "street"), _STREET_COLUMNS
    ):
        postcodes = codes or []
        for postcode in postcodes:
            of_postcode[postcode].append(number)
        streets.append(
            Street(
                number,
                usrn,
                key or "",
                locality,
                town,
                admin,
                division or "",
                beat or "",
                -1 if easting is None else easting,
                -1 if northing is None else northing,
                entries,
                frozenset([sector(p) for p in postcodes]),
                frozenset([district(p) for p in postcodes]),
                frozenset([area(p) for p in postcodes]),
            )
        )
    streets.sort(key=lambda s: s.id)
    return streets, {p: tuple(sorted(ids)) for p, ids in of_postcode.items()}


def _load_aliases(folder: Path) -> dict[str, tuple[int, ...]]:
    found: dict[str, set[int]] = defaultdict(set)
    table = _read(folder, "street_alias")
    for key, street in zip(table["alias_key"].to_pylist(), table["street_id"].to_pylist(), strict=True):
        found[key].add(street)
        if key.startswith("THE "):
            found[key[4:]].add(street)
    return {key: tuple(sorted(ids)) for key, ids in sorted(found.items())}


def first_token_lengths(keys: object) -> dict[str, int]:
    """First token of each key → most tokens of a key that begins with it."""
    lengths: dict[str, int] = {}
    for key in keys:  # type: ignore[attr-defined]
        tokens = key.split(" ")
        lengths[tokens[0]] = max(lengths.get(tokens[0], 0), len(tokens))
    return lengths


def _base_names(aliases: dict[str, tuple[int, ...]]) -> dict[str, tuple[str, ...]]:
    """Name without its street type → names that have it."""
    types = vocabulary().street_types
    found: dict[str, list[str]] = defaultdict(list)
    for key in aliases:
        head, _, last = key.rpartition(" ")
        if head and last in types:
            found[head].append(key)
    return {base: tuple(sorted(keys)) for base, keys in found.items()}


def _joined_names(aliases: dict[str, tuple[int, ...]]) -> dict[str, tuple[str, ...]]:
    """Name written as one word, its last word in every form → names."""
    forms: dict[str, list[str]] = defaultdict(list)
    for variant, key in vocabulary().canonical.items():
        forms[key].append(variant)
    found: dict[str, set[str]] = defaultdict(set)
    for key in aliases:
        head, _, last = key.rpartition(" ")
        for form in (last, *forms.get(last, ())):
            found[(head + form).replace(" ", "")].add(key)
    return {joined: tuple(sorted(keys)) for joined, keys in found.items()}


def _load_points(folder: Path, table: str, key: str) -> dict[str, Point]:
    names = (key, "easting", "northing", "division_code", "beat_code", "entries")
    return {
        name: Point(easting, northing, division or "", beat or "", entries)
        for name, easting, northing, division, beat, entries in _rows(_read(folder, table), names)
    }


def _load_localities(folder: Path) -> tuple[dict[str, Point], dict[str, frozenset[str]], frozenset[str]]:
    points: dict[str, Point] = {}
    towns: dict[str, frozenset[str]] = {}
    admins: set[str] = set()
    rank = {"ADMIN": 0, "TOWN": 1, "LOCALITY": 2}
    rows = sorted(_read(folder, "locality").to_pylist(), key=lambda r: (rank[r["kind"]], r["name_key"]))
    for r in rows:
        name = r["name_key"]
        point = Point(r["easting"], r["northing"], r["division_code"] or "", r["beat_code"] or "", r["entries"])
        if r["kind"] == "ADMIN":
            admins.add(name)
        if name not in points or points[name].entries < point.entries or r["kind"] == "LOCALITY":
            points[name] = point
        towns[name] = towns.get(name, frozenset()) | frozenset(r["towns"] or [])
    return points, towns, frozenset(admins)


def _load_places(folder: Path) -> dict[str, tuple[tuple[int, int, str, str, str, str], ...]]:
    found: dict[str, set[tuple[int, int, str, str, str, str]]] = defaultdict(set)
    names = ("place_key", "uprn", "street_id", "locality_key", "town_key", "division_code", "kind")
    for key, uprn, street, locality, town, division, kind in _rows(_read(folder, "place"), names):
        found[key].add((uprn, street, locality, town, division or "", kind))
    return {key: tuple(sorted(rows)) for key, rows in found.items()}


def _load_junctions(folder: Path) -> dict[tuple[int, int], tuple[int, int]]:
    return {(r["usrn_a"], r["usrn_b"]): (r["easting"], r["northing"]) for r in _read(folder, "junction").to_pylist()}


def _index_uprns(
    columns: dict[str, npt.NDArray[np.generic]], dictionaries: dict[str, list[str]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """UPRNs in order, and the row of each: the approved one where there is one, else the first."""
    order = {"APPROVED": 0, "PROVISIONAL": 1, "ALTERNATIVE": 2, "HISTORIC": 3}
    rank = np.array([order.get(s, 4) for s in dictionaries["status"]] or [4], dtype=np.int8)[columns["status"]]
    rows = np.lexsort((rank, columns["uprn"]))
    uprns = columns["uprn"][rows].astype(np.int64)
    keep = np.ones(len(rows), dtype=bool)
    keep[1:] = uprns[1:] != uprns[:-1]
    return uprns[keep], rows[keep]
