"""The XML export of a family: reports with what hangs on them, by year, and nominals with their homes.

Enters: a division's records. Leaves: the files and the truth under element names. Must hold: an absent value is an
absent element; a nested element repeats the reference of its report or nominal, and is numbered within it.
"""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from migration.synthetic.columns import Column, Table
from migration.synthetic.estate import DivisionRecords
from migration.synthetic.events import AS_AT
from migration.synthetic.families import Family
from migration.synthetic.relational.write import make_tables
from migration.synthetic.truth import Truth
from migration.synthetic.xml_export.shape import ELEMENTS, NESTED_IN, ElementShape
from migration.synthetic.zone import with_offset

LONDON = ZoneInfo("Europe/London")
ROOT = "CentralCrime"
Elements = dict[str, list[str]]
Keys = dict[str, tuple[str, str]]


def write_xml_export(family: Family, records: DivisionRecords, folder: Path, truth: Truth, url: str = "") -> None:
    """Write a division's XML files and add its truth; `url` is not used."""
    del url
    gathered = Truth(family.source_system)
    tables = make_tables(family, records, gathered)
    _add_columns(tables)
    homes = _make_homes(tables)
    relabelled: dict[str, Keys] = defaultdict(dict)
    counts: dict[str, int] = {}
    nested: dict[str, Elements] = {}
    for name, shape in ELEMENTS.items():
        table = homes if name == "Home" else tables[shape.table]
        nested[name], keys = _render(name, shape, table)
        relabelled["LOCATION" if name == "Home" else shape.table] |= keys
        counts[name] = len(keys)
    nested["Locus"], keys = _render_loci(tables)
    relabelled["LOCATION"] |= keys
    counts["Locus"] = len(keys)
    for old, found in relabelled.items():
        gathered.relabel(old, found)
    for name, rows in counts.items():
        gathered.add_count(records.division, name, rows)
    truth.absorb(gathered)
    _write_reports(records, nested, tables["CRIME_REPORT"].rows, folder / family.file)
    _write_nominals(tables["NOMINAL"], nested, folder / family.options["nominals_file"])


def _add_columns(tables: dict[str, Table]) -> None:
    """Columns this layout needs beside the normalised ones."""
    crimes, markers, people = tables["CRIME"].columns, tables["CRIME_MARKER"].columns, tables["NOMINAL"].columns
    of_crime = dict(zip(crimes["CRIME_ID"], zip(crimes["CR_NO"], crimes["CRIME_SEQ"], strict=True), strict=True))
    markers["OWNER_REF"] = [of_crime[c][0] for c in markers["CRIME_ID"]]
    markers["OWNER_SEQ"] = [of_crime[c][1] for c in markers["CRIME_ID"]]
    year_only = [c == "year" for c in people["DOB_PREC_CD"]]
    people["BORN"] = [d[:4] if d and y else d for d, y in zip(people["DOB"], year_only, strict=True)]
    for name in ("VRM", "MAKE", "COLOUR"):
        tables["CRIME_VEHICLE"].columns[name] = tables["VEHICLE"].columns[name]


def _make_homes(tables: dict[str, Table]) -> Table:
    """NOMINAL_ADDRESS with the columns of its location; keyed by LOC_ID, as the truth of places is."""
    addresses, places = tables["NOMINAL_ADDRESS"].columns, tables["LOCATION"].columns
    at = {place: i for i, place in enumerate(places["LOC_ID"])}
    rows = [at[place] for place in addresses["LOC_ID"]]
    return Table("HOME", "LOC_ID", {**{name: [c[i] for i in rows] for name, c in places.items()}, **addresses})


def _render(name: str, shape: ElementShape, table: Table) -> tuple[Elements, Keys]:
    """Elements of one name by the reference they hang on, and the new key of each row."""
    made: Elements = defaultdict(list)
    keys: Keys = {}
    owners = table.columns[shape.owner]
    columns: list[tuple[str, str, Column]] = [(n, kind, table.columns[old]) for n, kind, old in shape.columns]
    for i, (owner, old) in enumerate(zip(owners, table.keys(), strict=True)):
        reference = str(owner)
        number = str(len(made[reference]) + 1)
        numbered = shape.numbered and shape.number_column is None
        if shape.number_column is not None:
            number = str(table.columns[shape.number_column][i])
        attributes = f" {shape.owner_attribute}={quoteattr(reference)}"
        if numbered or shape.number_column is not None:
            attributes += f" {shape.number_attribute}={quoteattr(number)}"
        body = "".join(_child(n, kind, values[i]) for n, kind, values in columns)
        made[reference].append(f"<{name}{attributes}>{body}")
        keys[old] = (name, f"{reference}|{number}" if shape.numbered else reference)
    return made, keys


def _child(name: str, kind: str, value: object) -> str:
    if value is None:
        return ""
    text = str(value)
    if kind == "flag":
        text = "true" if text == "Y" else "false"
    elif kind == "time":
        text = with_offset(text, LONDON)
    return f"<{name}>{escape(text)}</{name}>"


def _render_loci(tables: dict[str, Table]) -> tuple[Elements, Keys]:
    """One Locus per report that has one."""
    reports, places = tables["CRIME_REPORT"].columns, tables["LOCATION"].columns
    shape = ELEMENTS["Home"]
    at = {place: i for i, place in enumerate(places["LOC_ID"])}
    names = [(n, kind, places[old]) for n, kind, old in shape.columns if old in places]
    more = [("Easting", "", places["EASTING"]), ("Northing", "", places["NORTHING"])]
    more += [("GridRef", "", places["GRID_REF"]), ("Kind", "", places["LOC_TYPE_CD"])]
    made: Elements = defaultdict(list)
    keys: Keys = {}
    for reference, place in zip(reports["CR_NO"], reports["LOCUS_LOC_ID"], strict=True):
        if place is not None:
            i = at[place]
            body = "".join(_child(n, kind, values[i]) for n, kind, values in (*names, *more))
            made[reference].append(f"<Locus crimeRef={quoteattr(reference)}>{body}")
            keys[str(place)] = ("Locus", reference)
    return made, keys


def _write_reports(records: DivisionRecords, nested: dict[str, Elements], rows: int, pattern: Path) -> None:
    years = (records.reports.recorded_at.astype("datetime64[Y]").astype("int64") + 1970).tolist()
    by_year: dict[int, list[str]] = defaultdict(list)
    for i in range(rows):
        by_year[years[i]].append(records.crime_no[i])
    for year, references in by_year.items():
        lines: list[str] = []
        for reference in references:
            lines.append(nested["CrimeReport"][reference][0])
            lines += (f"{locus}</Locus>" for locus in nested["Locus"].get(reference, ()))
            for parent, child in NESTED_IN:
                found = nested[child].get(reference, ())
                if found:
                    lines.append(f"<{parent}>{''.join(f'{e}</{child}>' for e in found)}</{parent}>")
            lines.append("</CrimeReport>")
        _write_document(pattern.with_name(pattern.name.format(year=year)), lines, len(references))


def _write_nominals(nominals: Table, nested: dict[str, Elements], path: Path) -> None:
    lines: list[str] = []
    for reference in map(str, nominals.columns["NOM_ID"]):
        lines.append(nested["Nominal"][reference][0])
        for child in ("Alias", "Home"):
            lines += (f"{element}</{child}>" for element in nested[child].get(reference, ()))
        lines.append("</Nominal>")
    _write_document(path, lines, nominals.rows)


def _write_document(path: Path, lines: Iterable[str], rows: int) -> None:
    day = AS_AT.astype("datetime64[D]")
    notice = quoteattr("SYNTHETIC: invented people, addresses and crimes")
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write(f'<{ROOT} notice={notice} asAt="{day}" rows="{rows}">\n')
        file.writelines(f"{line}\n" for line in lines)
        file.write(f"</{ROOT}>\n")
