"""Open data as gazetteers and queries: schools with their real UPRNs among food premises, and postcodes alone.

Reads where the data lies (`settings.real_data`); keeps nothing of it.
"""

import csv
import random
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb

from migration.geocode.gazetteer.columns import ENTRY_COLUMNS
from migration.geocode.text import name_key
from migration.geocode.vocabulary import vocabulary

NUMBERED = re.compile(r"(\d{1,4})([A-Za-z]?)(?:\s*-\s*(\d{1,4}))?[\s,]+(.+)")
ABBREVIATED = {
    "Road": "Rd",
    "Street": "St",
    "Avenue": "Ave",
    "Drive": "Dr",
    "Place": "Pl",
    "Crescent": "Cres",
    "School": "Sch",
    "Terrace": "Terr",
    "Primary School": "PS",
}


def read_schools(folder: Path) -> list[dict[str, str]]:
    """Schools with a UPRN, each once."""
    with (folder / "school_roll_2023_half.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["UPRN"].strip().isdigit()]
    return list({r["UPRN"]: r for r in rows}.values())


def read_divisions(folder: Path) -> dict[str, str]:
    """Council name → division letter."""
    with (folder / "council_to_division.csv").open(encoding="utf-8", newline="") as file:
        return {r["council_area_name"]: r["division_letter"] for r in csv.DictReader(file)}


def school_entry(school: dict[str, str], divisions: dict[str, str]) -> dict[str, object]:
    """A school as a gazetteer entry."""
    lines = [school[f"AddressLine{i}"].strip() for i in (1, 2, 3) if school[f"AddressLine{i}"].strip()]
    town = lines.pop() if len(lines) > 1 else ""
    match = NUMBERED.fullmatch(lines[0]) if lines else None
    number, suffix, end, street = match.groups() if match else ("", "", "", lines[0] if lines else "")
    return dict.fromkeys(ENTRY_COLUMNS, "") | {
        "uprn": school["UPRN"],
        "organisation": school["SchoolName"],
        "pao_start_number": number,
        "pao_start_suffix": suffix,
        "pao_end_number": end or "",
        "street_description": street,
        "locality": lines[1] if len(lines) > 1 else "",
        "town": town,
        "administrative_area": school["LAName"],
        "postcode": school["PostCode"],
        "easting": school["GridRefEasting"],
        "northing": school["GridRefNorthing"],
        "division_code": divisions.get(school["LAName"], ""),
        "address_status": "APPROVED",
    }


def premises_entries(folder: Path) -> Iterator[dict[str, object]]:
    """Food premises with a number, street and postcode, as entries with made-up UPRNs."""
    path = folder / "fhrs_scotland_2020" / "2020-08-first.parquet"
    rows = duckdb.sql(
        "SELECT FHRSID, BusinessName, concat_ws(', ', AddressLine1, AddressLine2, AddressLine3, AddressLine4) AS line, "
        f"PostCode, division FROM '{path}' ORDER BY FHRSID"
    ).fetchall()
    for key, name, line, postcode, division in rows:
        parts = [p.strip() for p in (line or "").split(",") if p.strip()]
        parts = [p for i, p in enumerate(parts) if not i or name_key(p) not in vocabulary().counties]
        match = NUMBERED.fullmatch(parts[0]) if parts else None
        if match is None or not postcode:
            continue
        number, suffix, end, street = match.groups()
        yield dict.fromkeys(ENTRY_COLUMNS, "") | {
            "uprn": 700_000_000_000 + int(key),
            "organisation": name,
            "pao_start_number": number,
            "pao_start_suffix": suffix,
            "pao_end_number": end or "",
            "street_description": street,
            "town": parts[-1] if len(parts) > 1 else "",
            "postcode": postcode,
            "division_code": division,
            "address_status": "APPROVED",
        }


def damaged(school: dict[str, str], divisions: dict[str, str], rng: random.Random) -> dict[str, str]:
    """A school's address as somebody might have typed it: no postcode in half, abbreviated, mistyped, parts missing."""
    lines = [school[f"AddressLine{i}"].strip() for i in (1, 2, 3) if school[f"AddressLine{i}"].strip()]
    if len(lines) > 2 and rng.random() < 0.3:
        del lines[1]
    name = school["SchoolName"]
    parts = [name, *lines] if rng.random() < 0.8 else ([name, lines[-1]] if lines else [name])
    words = ", ".join(parts).split(" ")
    if rng.random() < 0.5:
        words = [ABBREVIATED.get(w.strip(","), w.strip(",")) + ("," if w.endswith(",") else "") for w in words]
    if rng.random() < 0.3:
        i = max(range(len(words)), key=lambda k: len(words[k]))
        w, j = words[i], rng.randrange(1, max(2, len(words[i]) - 2))
        words[i] = w[:j] + w[j + 1] + w[j] + w[j + 2 :] if len(w) > j + 1 else w
    postcode = school["PostCode"] if rng.random() < 0.5 else ""
    return {
        "text": " ".join(words),
        "postcode": postcode,
        "division": divisions.get(school["LAName"], ""),
        "uprn": school["UPRN"],
    }


def write_entries(path: Path, entries: list[dict[str, object]]) -> Path:
    """Write entries as a gazetteer file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(ENTRY_COLUMNS))
        writer.writeheader()
        writer.writerows(entries)
    return path
