"""Truth of estates that hold people and places inline, whatever their shape.

Enters: how such an estate names its source records. Leaves: truth of nominals, homes, loci and their dirt. Must hold:
only what the layout can show is listed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from migration.synthetic.dirt import LOADED
from migration.synthetic.draws import Bools, Ints
from migration.synthetic.estate import DivisionRecords
from migration.synthetic.truth import Truth


@dataclass(frozen=True)
class InlineNames:
    """Source tables and keys of an inline estate.

    `report_key` and `locus_key` are given the index of a report, `nominal_key` and `home_key` the index of an
    involvement. `unseen` are the kinds of dirt the layout cannot show.
    """

    report_table: str
    locus_table: str
    nominal_table: str
    report_key: Callable[[int], str]
    locus_key: Callable[[int], str]
    nominal_key: Callable[[int], str]
    home_key: Callable[[int], str]
    unseen: frozenset[str] = field(default_factory=frozenset)


def tell_inline_truth(
    records: DivisionRecords, truth: Truth, names: InlineNames, has_locus: Bools, spoilt: Ints
) -> None:
    """Add the truth of nominals, homes and loci (`has_locus` by report), and the dirt of records that can be loaded.

    `spoilt` are the reports that carry a fault which stops them.
    """
    sound = np.ones(len(records.reports), dtype=bool)
    sound[spoilt] = False
    every = range(len(records.reports))
    all_dirt = {**records.reports.dirt, "missing_locus": records.missing_locus}
    reports = {kind: planted & sound for kind, planted in all_dirt.items()}
    _list(records, truth, names, reports, names.report_table, [names.report_key(i) for i in every], "crime_report")
    at = np.nonzero((records.locus >= 0) & has_locus)[0]
    _tell_places(records, truth, names, names.locus_table, [names.locus_key(i) for i in at.tolist()], records.locus[at])
    involved = np.arange(len(records.involved))
    nominal = records.nominal_of[involved]
    keys = [names.nominal_key(i) for i in involved.tolist()]
    truth.add_persons(records, names.nominal_table, keys, nominal)
    dirt = {kind: planted[nominal] for kind, planted in records.nominals.dirt.items()}
    _list(records, truth, names, dirt, names.nominal_table, keys, "nominal")
    home = records.home[nominal]
    lives = (home >= 0) & _is_written(records, home)
    keys = [names.home_key(i) for i in involved[lives].tolist()]
    _tell_places(records, truth, names, names.nominal_table, keys, home[lives])


def _is_written(records: DivisionRecords, place: Ints) -> Bools:
    """Which places have any words to them."""
    written, at = records.written, np.maximum(place, 0)
    parts = (written.text, written.street, written.premises, written.number, written.locality, written.town)
    found = written.postcode[at] != ""
    for part in parts:
        found = found | (part[at] != "")
    return np.asarray(found, dtype=bool)


def _tell_places(
    records: DivisionRecords, truth: Truth, names: InlineNames, table: str, keys: list[str], place: Ints
) -> None:
    truth.add_locations(records, table, keys, place)
    dirt = {kind: planted[place] for kind, planted in records.written.dirt.items()}
    _list(records, truth, names, dirt, table, keys, "location")


def _list(
    records: DivisionRecords,
    truth: Truth,
    names: InlineNames,
    dirt: dict[str, Bools],
    table: str,
    keys: list[str],
    entity: str,
) -> None:
    for kind, planted in dirt.items():
        if kind not in names.unseen:
            listed = [keys[i] for i in np.nonzero(planted)[0].tolist()]
            truth.add_dirt(records.division, kind, table, listed, entity, LOADED)
