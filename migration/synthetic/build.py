"""Builds the synthetic estates: gazetteer, legacy systems, truth.

Enters: settings, families, scale, seed. Leaves: `<home>/estates/<family>/` per family and the gazetteer release they
are written from. Must hold: the same inputs give the same bytes, whichever families are built together. Refuses: an
unknown family or an impossible scale.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from migration.errors import ConfigError
from migration.settings import Settings
from migration.synthetic.addresses import AddressBook, load_address_book
from migration.synthetic.composite_database.write import write_composite_database
from migration.synthetic.effective_dated.write import write_effective_dated
from migration.synthetic.estate import DivisionRecords, make_division
from migration.synthetic.families import Family, list_families, load_family
from migration.synthetic.file_set.write import write_file_set
from migration.synthetic.gazetteer import DEFAULT_ENTRIES, DEFAULT_RELEASE, build_gazetteer
from migration.synthetic.mainframe.write import write_mainframe
from migration.synthetic.places import read_rows
from migration.synthetic.relational.write import write_relational
from migration.synthetic.truth import Truth
from migration.synthetic.wide_export.write import write_wide_export
from migration.synthetic.wide_tables.write import write_wide_tables
from migration.synthetic.xml_export.write import write_xml_export

Writer = Callable[[Family, DivisionRecords, Path, Truth, str], None]
WRITERS: dict[str, Writer] = {
    "mainframe": write_mainframe,
    "wide_tables": write_wide_tables,
    "effective_dated": write_effective_dated,
    "xml_export": write_xml_export,
    "file_set": write_file_set,
    "composite_database": write_composite_database,
    "relational": write_relational,
    "wide_export": write_wide_export,
}


@dataclass(frozen=True)
class EstateResult:
    """One family's estate as built: where, and the rows of each source table by division."""

    family: str
    folder: Path
    rows: dict[str, int]
    seconds: float


def build_estate(
    settings: Settings,
    families: Sequence[str] | None = None,
    scale: float | None = None,
    seed: int = 1,
    *,
    gazetteer_entries: int = DEFAULT_ENTRIES,
    database_urls: dict[str, str] | None = None,
) -> list[EstateResult]:
    """Build the estates of `families` (all where None) and the gazetteer release they use.

    Args:
        settings: `estates` is where everything goes.
        families: names of `data/families/*.yml`.
        scale: 1.0 is the full volume of every division; None is the size of the demo.
        seed: everything drawn depends on it.
        gazetteer_entries: size of the gazetteer release.
        database_urls: SQLAlchemy URL by family, where its database should not be a SQLite file.

    Raises:
        ConfigError: a family is unknown, a division has no places, or the scale is not above 0 and at most 1.
    """
    if scale is not None and not 0 < scale <= 1:
        raise ConfigError("estate scale", str(scale), "above 0, at most 1", "Give a scale such as 0.01.")
    wanted = [load_family(name) for name in (families or list_families())]
    folder = build_gazetteer(settings, seed, DEFAULT_RELEASE, gazetteer_entries)
    book = load_address_book(folder)
    for family in wanted:
        _check_places(family, book, folder)
    urls = database_urls or {}
    return [_build_family(settings, family, book, scale, seed, urls.get(family.name, "")) for family in wanted]


def _check_places(family: Family, book: AddressBook, gazetteer: Path) -> None:
    """Refuse a family with a division that lies nowhere: without addresses or roads its reports have no locus."""
    roads = {row["division"] for row in read_rows("roads.csv")}
    missing = sorted({v.division for v in family.divisions} - (set(book.divisions) & roads))
    if missing:
        fix = f"Add its towns to data/towns.csv, its roads to data/roads.csv; remove {gazetteer}, it is built again."
        found = f"no places for division {', '.join(missing)}"
        raise ConfigError(f"synthetic family {family.name}", found, "addresses and roads of each division", fix)


def _build_family(
    settings: Settings, family: Family, book: AddressBook, scale: float | None, seed: int, url: str
) -> EstateResult:
    started = time.monotonic()
    folder = settings.estates / family.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    truth = Truth(family.source_system)
    for volume in family.divisions:
        records = make_division(seed, book, volume, scale, has_index=family.has_nominal_index)
        WRITERS[family.writer](family, records, folder, truth, url)
    truth.write(folder / "truth")
    rows = {f"{division}/{table}": count for division, _, table, count in truth.counts}
    lines = [
        "SYNTHETIC: invented people, addresses and crimes. Protective marking of the exercise: OFFICIAL.",
        f"family {family.name}; source system {family.source_system}; seed {seed}; scale {scale or 'demo'}",
        *(f"{name}: {count} rows" for name, count in rows.items()),
    ]
    (folder / "SYNTHETIC.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return EstateResult(family.name, folder, rows, time.monotonic() - started)
