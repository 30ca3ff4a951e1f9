"""All packs checked, without any data: what `migrate check` does.

Enters: the folder of packs. Leaves: one result for each division; every pack is compiled and its SQL bound to empty
tables, so that what passes here also runs. Refuses nothing: problems are results, for all packs at once.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from migration.errors import ConfigError
from migration.mapping.codes import PROPOSED
from migration.mapping.inherit import read_effective
from migration.mapping.load import list_divisions, load_pack
from migration.mapping.model import Pack
from migration.mapping.pack_schema import check_structure
from migration.mapping.prepare import raw_path
from migration.mapping.problems import Problems
from migration.mapping.stage import decide_all
from migration.schema.model import load_schema
from migration.settings import Settings


@dataclass(frozen=True)
class PackCheck:
    """The check of one division's pack; `problem` is empty where it is sound.

    `proposed` are the lines of code decisions that nobody has agreed: a record read by one keeps the gate red.
    """

    division: str
    version: str
    records: int
    fields: int
    codes: int
    proposed: tuple[str, ...]
    is_draft: bool
    problem: str

    @property
    def is_sound(self) -> bool:
        """Whether the pack can be used."""
        return not self.problem


def check_packs(settings: Settings, divisions: tuple[str, ...] = ()) -> tuple[PackCheck, ...]:
    """Check the packs of `divisions`, or all: read, merged, consistent, compiled and run over no rows."""
    return tuple(check_division(settings, d) for d in divisions or list_divisions(settings))


def check_division(settings: Settings, division: str) -> PackCheck:
    """Check one division's pack."""
    try:
        pack = load_pack(settings, division)
        _check_files(settings, division)
    except ConfigError as error:
        return PackCheck(division, "", 0, 0, 0, (), False, f"{error.found.strip()}")
    run_empty(pack)
    decisions = [d for crosswalk in pack.crosswalks.values() for d in crosswalk.decisions.values()]
    return PackCheck(
        division=division,
        version=pack.version,
        records=len(pack.records),
        fields=sum(len(r.fields) for r in pack.records),
        codes=len(decisions),
        proposed=tuple(str(d.origin) for d in decisions if d.status == PROPOSED and d.national_code),
        is_draft=pack.is_draft,
        problem="",
    )


def _check_files(settings: Settings, division: str) -> None:
    """Check each file of a pack against the JSON Schema that editors use."""
    problems = Problems(f"of division {division}")
    read_effective(settings, division, problems, check_structure)
    if problems.found:
        raise problems.as_error()


def run_empty(pack: Pack) -> None:
    """Run a pack over empty tables: an error here is a fault of the compiler, not of the pack."""
    with TemporaryDirectory(prefix="migration-check-") as folder:
        raw = Path(folder) / "raw"
        for system in pack.systems:
            for table in system.tables:
                path = raw_path(raw, system, table)
                path.parent.mkdir(parents=True, exist_ok=True)
                fields = [pa.field("_source_row", pa.int64()), *(pa.field(c, pa.string()) for c in table.column_names)]
                pq.write_table(pa.schema(fields).empty_table(), path)
        with duckdb.connect(":memory:", config={"threads": 1}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            decide_all(connection, pack, load_schema(), raw, lambda _entity, _decided: None)
