"""The gazetteer as the police know it: the addresses that estates write down.

Enters: a release's `gazetteer.csv`. Leaves: `AddressBook`, with the rows of each division that homes and loci are
drawn from. Must hold: rows with a planted fault are never drawn, so that the truth of a location is beyond doubt.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from migration.synthetic.draws import Bools, Ints, Texts

TEXT_COLUMNS = (
    *("class_code", "address_status", "organisation", "sao_text", "pao_text", "pao_start_suffix", "street_description"),
    *("locality", "town", "postcode", "division_code", "beat_code"),
)
NUMBER_COLUMNS = (
    *("uprn", "usrn", "parent_uprn", "sao_start_number", "pao_start_number", "pao_end_number", "easting", "northing"),
)
DATE_COLUMNS = ("start_date", "end_date")


@dataclass(frozen=True)
class TextColumn:
    """A text column as codes into its distinct values; absent is empty."""

    codes: Ints
    values: Texts

    def at(self, index: Ints) -> Texts:
        """Texts of the rows at `index`."""
        found: Texts = self.values[self.codes[index]]
        return found

    def equals(self, value: str) -> Bools:
        """Which rows hold `value`."""
        matching = np.nonzero(self.values == value)[0]
        return np.isin(self.codes, matching)


@dataclass(frozen=True)
class DivisionAddresses:
    """Gazetteer rows of a division: dwellings, organisations, demolished dwellings, one per street, junctions."""

    dwellings: Ints
    organisations: Ints
    demolished: Ints
    streets: Ints
    junction_a: Ints
    junction_b: Ints
    junction_e: Ints
    junction_n: Ints


@dataclass(frozen=True)
class AddressBook:
    """A gazetteer release in memory.

    Attributes: texts: text columns by name. numbers: whole-number columns by name, absent is 0. dates: date columns,
    absent is NaT. old_row: for each row, the row of the same UPRN with its deleted postcode, or -1. parent_row: for
    each row, the row of its stair, or -1. is_repeated: organisations whose name occurs more than once in their
    street. divisions: rows to draw from, by division letter.
    """

    release: str
    texts: dict[str, TextColumn]
    numbers: dict[str, Ints]
    dates: dict[str, np.ndarray]
    old_row: Ints
    parent_row: Ints
    is_repeated: Bools
    divisions: dict[str, DivisionAddresses]

    def text(self, column: str, rows: Ints) -> Texts:
        """Values of a text column at `rows`."""
        return self.texts[column].at(rows)

    def number(self, column: str, rows: Ints) -> Ints:
        """Values of a number column at `rows`."""
        found: Ints = self.numbers[column][rows]
        return found


def load_address_book(folder: Path) -> AddressBook:
    """Read a synthetic release written by `build_gazetteer`."""
    types = {c: pa.string() for c in TEXT_COLUMNS} | {c: pa.int64() for c in NUMBER_COLUMNS}
    types |= {c: pa.date32() for c in DATE_COLUMNS}
    options = pacsv.ConvertOptions(column_types=types, include_columns=list(types), strings_can_be_null=True)
    table = pacsv.read_csv(folder / "gazetteer.csv", convert_options=options)
    texts = {c: _encode(table[c]) for c in TEXT_COLUMNS}
    numbers = {c: pc.fill_null(table[c], 0).to_numpy().astype(np.int64) for c in NUMBER_COLUMNS}
    dates = {c: table[c].cast(pa.timestamp("s")).to_numpy().astype("datetime64[D]") for c in DATE_COLUMNS}
    faulty = np.isin(numbers["uprn"], pacsv.read_csv(folder / "faults.csv")["uprn"].to_numpy())
    current = texts["address_status"].equals("APPROVED") & ~faulty
    historic = texts["address_status"].equals("HISTORIC") & ~faulty
    by_uprn = _index_by_uprn(numbers["uprn"], current)
    old = _find(by_uprn, numbers["uprn"][historic])
    old_row = np.full(len(current), -1, dtype=np.int64)
    old_row[old[old >= 0]] = np.nonzero(historic)[0][old >= 0]
    parent_row = _find(by_uprn, numbers["parent_uprn"])
    gone = historic.copy()
    gone[np.nonzero(historic)[0][old >= 0]] = False
    divisions = _split_by_division(folder, texts, numbers, current, gone)
    repeated = _find_repeated(texts, numbers)
    return AddressBook(folder.name, texts, numbers, dates, old_row, parent_row, repeated, divisions)


def _encode(column: pa.ChunkedArray) -> TextColumn:
    encoded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    values = np.array(encoded.dictionary.to_pylist(), dtype=object)
    return TextColumn(encoded.indices.to_numpy().astype(np.int64), values)


def _index_by_uprn(uprn: Ints, wanted: Bools) -> tuple[Ints, Ints]:
    rows = np.nonzero(wanted)[0]
    order = np.argsort(uprn[rows], kind="stable")
    return uprn[rows][order], rows[order]


def _find(index: tuple[Ints, Ints], uprn: Ints) -> Ints:
    keys, rows = index
    at = np.searchsorted(keys, uprn).clip(0, len(keys) - 1)
    return np.where(keys[at] == uprn, rows[at], -1)


def _find_repeated(texts: dict[str, TextColumn], numbers: dict[str, Ints]) -> Bools:
    pair = numbers["usrn"] * 100_000 + texts["organisation"].codes
    _, inverse, counts = np.unique(pair, return_inverse=True, return_counts=True)
    repeated: Bools = counts[inverse] > 1
    return repeated


def _split_by_division(
    folder: Path, texts: dict[str, TextColumn], numbers: dict[str, Ints], current: Bools, gone: Bools
) -> dict[str, DivisionAddresses]:
    class_code = texts["class_code"]
    letters = {i: str(v) for i, v in enumerate(class_code.values)}
    is_home = np.array([letters[i].startswith("R") for i in range(len(letters))])[class_code.codes]
    has_organisation = ~texts["organisation"].equals("")
    _, first_of_street = np.unique(numbers["usrn"], return_index=True)
    is_street = np.zeros(len(current), dtype=bool)
    is_street[first_of_street] = True
    junctions = pacsv.read_csv(folder / "junctions.csv")
    first = dict(zip(numbers["usrn"][first_of_street].tolist(), first_of_street.tolist(), strict=True))
    ends = [
        np.array([first.get(u, -1) for u in junctions[c].to_pylist()], dtype=np.int64) for c in ("usrn_a", "usrn_b")
    ]
    places = [junctions[c].to_numpy().astype(np.int64) for c in ("easting", "northing")]
    known = (ends[0] >= 0) & (ends[1] >= 0)
    division = texts["division_code"]
    found = {}
    for letter in sorted(v for v in division.values if v):
        here = division.equals(letter)
        at = known & here[ends[0]]
        found[letter] = DivisionAddresses(
            dwellings=np.nonzero(here & current & is_home)[0],
            organisations=np.nonzero(here & current & has_organisation)[0],
            demolished=np.nonzero(here & gone & is_home)[0],
            streets=np.nonzero(here & is_street & current)[0],
            junction_a=ends[0][at],
            junction_b=ends[1][at],
            junction_e=places[0][at],
            junction_n=places[1][at],
        )
    return found
