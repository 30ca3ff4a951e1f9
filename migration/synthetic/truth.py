"""Truth files: what a perfect pipeline would find.

Enters: source keys as the pipeline will form them, and what they mean. Leaves: `truth/*.parquet` of a family. Must
hold: rows are in key order, every key exists in the estate, each says SYNTHETIC in its footer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from migration.synthetic.columns import Table
from migration.synthetic.dirt import REASONS
from migration.synthetic.draws import Ints
from migration.synthetic.estate import DivisionRecords
from migration.synthetic.involvements import PERSON
from migration.synthetic.locations import CLASS_AND_LEVEL, KNOWS_STREET, Kind
from migration.synthetic.nominals import TYPES

PERSON_COLUMNS = ("source_system", "source_table", "source_key", "nominal_type", "person_id", "home_uprn")
LOCATION_COLUMNS = (
    *("source_system", "source_table", "source_key", "location_class", "uprn", "match_level", "usrn", "beat_code"),
    "gazetteer_release",
)
DIRT_COLUMNS = ("kind", "source_system", "source_table", "source_key", "entity", "expected_outcome", "reason")
EXACT = (int(Kind.ADDRESS), int(Kind.STAIR), int(Kind.PLACE))
_NUMBERS = ("uprn", "usrn", "home_uprn", "rows")


@dataclass
class Truth:
    """Truth of one family, gathered while its estate is written."""

    source_system: str
    persons: list[pa.Table] = field(default_factory=list)
    locations: list[pa.Table] = field(default_factory=list)
    dirt: list[pa.Table] = field(default_factory=list)
    counts: list[tuple[str, str, str, int]] = field(default_factory=list)

    def add_persons(self, records: DivisionRecords, table: str, keys: Sequence[str], nominal: Ints) -> None:
        """Say who the nominals at index `nominal`, keyed `keys`, are."""
        nominals = records.nominals
        is_person = nominals.kind[nominal] == PERSON
        ids = nominals.party[nominal]
        home = records.home[nominal]
        uprn = np.where(home >= 0, records.uprns[home], 0)
        self.persons.append(
            _table(
                records.division,
                len(keys),
                {
                    "source_system": [self.source_system] * len(keys),
                    "source_table": [table] * len(keys),
                    "source_key": list(keys),
                    "nominal_type": [TYPES[k] for k in nominals.kind[nominal].tolist()],
                    "person_id": [f"P{i:011x}" if p else None for i, p in zip(ids.tolist(), is_person, strict=True)],
                    "home_uprn": pa.array(uprn, pa.int64(), mask=uprn == 0),
                },
            )
        )

    def add_locations(self, records: DivisionRecords, table: str, keys: Sequence[str], place: Ints) -> None:
        """Say where the locations at index `place`, keyed `keys`, are."""
        book = records.book
        kinds = records.places.kind[place]
        known = [CLASS_AND_LEVEL[Kind(k)] for k in kinds.tolist()]
        row = records.places.row[place]
        uprn = records.uprns[place]
        usrn = np.where(np.isin(kinds, [int(k) for k in KNOWS_STREET]), book.number("usrn", row), 0)
        exact = np.isin(kinds, EXACT)
        beat = [b if e else None for b, e in zip(book.text("beat_code", row), exact, strict=True)]
        self.locations.append(
            _table(
                records.division,
                len(keys),
                {
                    "source_system": [self.source_system] * len(keys),
                    "source_table": [table] * len(keys),
                    "source_key": list(keys),
                    "location_class": [k[0] for k in known],
                    "uprn": pa.array(uprn, pa.int64(), mask=uprn == 0),
                    "match_level": [k[1] for k in known],
                    "usrn": pa.array(usrn, pa.int64(), mask=usrn == 0),
                    "beat_code": beat,
                    "gazetteer_release": [book.release] * len(keys),
                },
            )
        )

    def add_dirt(self, division: str, kind: str, table: str, keys: Iterable[str], entity: str, outcome: str) -> None:
        """Say that the records `keys` carry a planted fault, and what should become of them."""
        listed = list(keys)
        values = (kind, self.source_system, table, None, entity, outcome, REASONS[kind])
        columns = {
            name: listed if name == "source_key" else [value] * len(listed)
            for name, value in zip(DIRT_COLUMNS, values, strict=True)
        }
        self.dirt.append(_table(division, len(listed), columns))

    def add_count(self, division: str, table: str, rows: int) -> None:
        """Say how many rows a source table has."""
        self.counts.append((division, self.source_system, table, rows))

    def relabel(self, table: str, keys: Mapping[str, tuple[str, str]]) -> None:
        """Say the new table and key for each old key of `table`: the same rows in another shape."""
        for gathered in (self.persons, self.locations, self.dirt):
            gathered[:] = [_relabelled(part, table, keys) for part in gathered]

    def absorb(self, part: "Truth") -> None:
        """Add the truth gathered elsewhere."""
        self.persons += part.persons
        self.locations += part.locations
        self.dirt += part.dirt
        self.counts += part.counts

    def write(self, folder: Path) -> None:
        """Write the truth files, in key order."""
        folder.mkdir(parents=True, exist_ok=True)
        counts = _table(
            [c[0] for c in self.counts],
            len(self.counts),
            {
                "source_system": [c[1] for c in self.counts],
                "source_table": [c[2] for c in self.counts],
                "rows": [c[3] for c in self.counts],
            },
        )
        for name, tables in (
            ("nominal_person", self.persons),
            ("location_uprn", self.locations),
            ("dirt", self.dirt),
            ("source_counts", [counts]),
        ):
            whole = pa.concat_tables(tables)
            order = [(c, "ascending") for c in ("division_code", "kind", "source_table", "source_key")]
            whole = whole.sort_by([o for o in order if o[0] in whole.column_names])
            marked = whole.replace_schema_metadata({"notice": "SYNTHETIC: invented people, addresses and crimes"})
            pq.write_table(marked, folder / f"{name}.parquet", compression="zstd")


def _table(division: str | list[str], size: int, columns: Mapping[str, object]) -> pa.Table:
    divisions = division if isinstance(division, list) else [division] * size
    arrays = {"division_code": pa.array(divisions, pa.string())}
    for name, values in columns.items():
        if isinstance(values, pa.Array):
            arrays[name] = values
        else:
            arrays[name] = pa.array(values, pa.int64() if name in _NUMBERS else pa.string())
    return pa.table(arrays)


def _relabelled(part: pa.Table, table: str, keys: Mapping[str, tuple[str, str]]) -> pa.Table:
    if not part.num_rows or part["source_table"][0].as_py() != table:
        return part
    old = part["source_key"].to_pylist()
    part = part.filter(pa.array([k in keys for k in old], pa.bool_()))
    new = [keys[k] for k in old if k in keys]
    for i, name in enumerate(("source_table", "source_key")):
        part = part.set_column(part.column_names.index(name), name, pa.array([n[i] for n in new], pa.string()))
    return part


def new_keys(old: Table, new: Table) -> dict[str, tuple[str, str]]:
    """New table and key by old key, for tables that hold the same rows in the same order."""
    return {k: (new.name, n) for k, n in zip(old.keys(), new.keys(), strict=True)}
