"""Rows of the synthetic gazetteer: current, historic, alternative and provisional entries, and planted faults.

Enters: `Premises`. Leaves: `Entries`, one element per row of `gazetteer.csv`, and the list of planted faults. Must
hold: a historic row of a living premises carries a deleted postcode and its dates; an alternative row names the same
premises differently; a demolished one has historic rows only.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
import pyarrow as pa

from migration.synthetic.draws import Bools, Draws, Ints, Texts
from migration.synthetic.places import load_localities
from migration.synthetic.premises import FIRST_UPRN, Premises, number_through_district, write_postcodes
from migration.synthetic.streets import Streets

COLUMNS = (
    *("uprn", "usrn", "parent_uprn", "class_code", "address_status", "organisation", "sao_text", "sao_start_number"),
    *("sao_start_suffix", "sao_end_number", "sao_end_suffix", "pao_text", "pao_start_number", "pao_start_suffix"),
    *("pao_end_number", "pao_end_suffix", "street_description", "locality", "town", "administrative_area", "postcode"),
    *("easting", "northing", "division_code", "beat_code", "start_date", "end_date"),
)
FAULTS_PER_MILLION = 60
NO_DATE = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class Entries:
    """Rows of the gazetteer. `premises` is the index of the premises; absent numbers are 0, absent texts empty."""

    uprn: Ints
    usrn: Ints
    parent_uprn: Ints
    class_code: Texts
    address_status: Texts
    organisation: Texts
    sao_text: Texts
    sao_start_number: Ints
    pao_text: Texts
    pao_start_number: Ints
    pao_start_suffix: Texts
    pao_end_number: Ints
    street_description: Texts
    postcode: Texts
    easting: Ints
    northing: Ints
    locality_number: Ints
    beat_code: Texts
    start_date: np.ndarray
    end_date: np.ndarray

    def __len__(self) -> int:
        return len(self.uprn)

    def slice_table(self, start: int, stop: int) -> pa.Table:
        """Rows `start` to `stop` with the columns of `COLUMNS`; absent values null."""
        localities = load_localities()
        number = self.locality_number[start:stop]
        looked_up = {
            "locality": np.array([k.name.upper() for k in localities], dtype=object)[number],
            "town": np.array([k.town.name.upper() for k in localities], dtype=object)[number],
            "administrative_area": np.array([k.town.council.upper() for k in localities], dtype=object)[number],
            "division_code": np.array([k.town.division for k in localities], dtype=object)[number],
        }
        arrays = []
        for name in COLUMNS:
            values = looked_up[name] if name in looked_up else getattr(self, name, None)
            if values is None:
                arrays.append(pa.nulls(len(number), pa.string()))
            else:
                arrays.append(_to_arrow(values if name in looked_up else values[start:stop], name))
        return pa.table(arrays, names=list(COLUMNS))


def _to_arrow(values: np.ndarray, name: str) -> pa.Array:
    if values.dtype == object:
        return pa.array(values, pa.string(), mask=values == "")
    if values.dtype.kind == "M":
        return pa.array(values, pa.date32())
    keeps_zero = name in {"easting", "northing"}
    return pa.array(values, pa.int64(), mask=None if keeps_zero else values == 0)


def pick(entries: Entries, index: Ints | Bools) -> Entries:
    """The rows at `index`, copied."""
    return Entries(**{f.name: getattr(entries, f.name)[index] for f in fields(entries)})


def join(parts: list[Entries]) -> Entries:
    """All rows of `parts`, one after the other."""
    return Entries(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Entries)})


def make_entries(draws: Draws, streets: Streets, premises: Premises) -> Entries:
    """All rows of the release, by UPRN and status, before faults."""
    current = _make_current(draws, streets, premises)
    parts = [
        current,
        _make_old_postcodes(draws, streets, premises, current),
        _make_alternatives(draws, premises, current),
    ]
    rows = join(parts)
    rank = {"APPROVED": 0, "PROVISIONAL": 1, "HISTORIC": 2, "ALTERNATIVE": 3}
    order = np.lexsort((np.array([rank[s] for s in rows.address_status]), rows.uprn))
    return pick(rows, order)


def _make_current(draws: Draws, streets: Streets, premises: Premises) -> Entries:
    """One row per premises: approved, provisional (new) or historic (demolished, alone or with its street)."""
    keys = np.arange(len(premises))
    uprn = FIRST_UPRN + keys
    stair = np.where(premises.parent >= 0, premises.parent, keys)
    is_gone = draws.chance("premises demolished", stair, 0.012) | draws.chance(
        "street demolished", premises.street, 0.006
    )
    is_gone &= premises.number > 0
    is_new = ~is_gone & draws.chance("premises new", stair, 0.018)
    day = draws.integers("start day", stair, 0, 8000).astype("timedelta64[D]")
    start = np.where(is_new, np.datetime64("2023-02-01"), np.datetime64("1992-01-06") + day)
    ended = np.datetime64("2014-06-02") + draws.integers("end day", stair, 0, 3200).astype("timedelta64[D]")
    names = np.array([n.upper() for n in streets.name], dtype=object)
    return Entries(
        uprn=uprn,
        usrn=streets.usrn[premises.street],
        parent_uprn=np.where(premises.parent >= 0, FIRST_UPRN + premises.parent, 0),
        class_code=premises.class_code,
        address_status=np.where(is_gone, "HISTORIC", np.where(is_new, "PROVISIONAL", "APPROVED")).astype(object),
        organisation=premises.organisation,
        sao_text=premises.sao_text,
        sao_start_number=premises.sao_number,
        pao_text=premises.name,
        pao_start_number=premises.number,
        pao_start_suffix=premises.suffix,
        pao_end_number=premises.number_end,
        street_description=names[premises.street],
        postcode=premises.postcode,
        easting=premises.easting,
        northing=premises.northing,
        locality_number=streets.locality[premises.street],
        beat_code=_find_beats(streets.locality[premises.street], premises.easting, premises.northing),
        start_date=start.astype("datetime64[D]"),
        end_date=np.where(is_gone, ended, NO_DATE).astype("datetime64[D]"),
    )


def _find_beats(locality: Ints, easting: Ints, northing: Ints) -> Texts:
    """Beat of each point of a locality's square; a point pushed over the edge belongs to the nearest."""
    localities = load_localities()
    across = np.array([2 if len(k.beats) == 4 else 1 for k in localities])[locality]
    side = np.array([k.side_m for k in localities])[locality] / across
    column = np.floor((easting - np.array([k.west for k in localities])[locality]) / side).clip(0, across - 1)
    row = np.floor((northing - np.array([k.south for k in localities])[locality]) / side).clip(0, across - 1)
    first = np.cumsum([0, *(len(k.beats) for k in localities)])[:-1][locality]
    codes = np.array([b for k in localities for b in k.beats], dtype=object)
    index = first + row.astype(np.int64) * across + column.astype(np.int64)
    found: Texts = codes[index]
    return found


def _make_old_postcodes(draws: Draws, streets: Streets, premises: Premises, current: Entries) -> Entries:
    """Historic rows of living premises in the 3 % of streets that were recoded: that postcode is deleted now."""
    recoded = draws.chance("street recoded", premises.street, 0.03) & (current.address_status == "APPROVED")
    index = np.nonzero(recoded)[0]
    rows = pick(current, index)
    numbers = number_through_district(streets, np.ones(len(streets), dtype=np.int64), offset=3000)
    when = np.datetime64("2012-03-05") + draws.integers("recoded on", premises.street[index], 0, 3000).astype(
        "timedelta64[D]"
    )
    return replace(
        rows,
        address_status=np.full(len(index), "HISTORIC", dtype=object),
        postcode=write_postcodes(streets, premises.street[index], numbers[premises.street[index]]),
        end_date=when,
        start_date=np.minimum(rows.start_date, when - np.timedelta64(400, "D")),
    )


def _make_alternatives(draws: Draws, premises: Premises, current: Entries) -> Entries:
    """Alternative rows: the street's other name, or a name painted on a numbered house."""
    approved = current.address_status == "APPROVED"
    other_street = approved & draws.chance("street has alias", premises.street, 0.02)
    plain = (premises.number > 0) & (premises.parent < 0) & (premises.organisation == "") & (current.class_code != "PP")
    painted = approved & ~other_street & plain & draws.chance("house has alias", np.arange(len(premises)), 0.01)
    index = np.nonzero(other_street | painted)[0]
    rows = pick(current, index)
    alias = np.array(["OLD " + n for n in rows.street_description], dtype=object)
    return replace(
        rows,
        address_status=np.full(len(index), "ALTERNATIVE", dtype=object),
        street_description=np.where(other_street[index], alias, rows.street_description).astype(object),
        pao_text=np.where(painted[index], [f"ARDSHIEL {k % 97}" for k in index], rows.pao_text).astype(object),
    )


def plant_faults(draws: Draws, rows: Entries) -> tuple[Entries, pa.Table]:
    """The rows with the faults of a hand-kept gazetteer, and what was planted: kind, uprn, address_status."""
    each = max(3, len(rows) * FAULTS_PER_MILLION // 1_000_000)
    order = np.argsort(draws.bits("faulty rows", np.arange(len(rows))), kind="stable")
    twice, orphan, astray, nowhere = (order[i * each : (i + 1) * each] for i in range(4))
    orphan = np.nonzero(rows.parent_uprn > 0)[0][orphan % max(1, int((rows.parent_uprn > 0).sum()))]
    parent, easting, northing = rows.parent_uprn.copy(), rows.easting.copy(), rows.northing.copy()
    parent[orphan] = 998_000_000_000 + orphan
    easting[astray], northing[astray] = northing[astray] // 3, easting[astray]
    easting[nowhere], northing[nowhere] = 0, 0
    changed = replace(rows, parent_uprn=parent, easting=easting, northing=northing)
    kinds = [
        ("duplicate_key", twice),
        ("missing_parent", orphan),
        ("outside_division", astray),
        ("zero_coordinates", nowhere),
    ]
    faults = pa.table(
        {
            "kind": [kind for kind, index in kinds for _ in index],
            "uprn": np.concatenate([rows.uprn[index] for _, index in kinds]),
            "address_status": np.concatenate([rows.address_status[index] for _, index in kinds]).tolist(),
        }
    )
    return join([changed, pick(changed, twice)]), faults
