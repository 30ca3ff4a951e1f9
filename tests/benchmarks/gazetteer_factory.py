"""SYNTHETIC gazetteers for benchmarks: common street words in invented places, every entry with known truth.

Streets repeat between towns and within them, as real ones do; each town writes its flats in one of four ways;
tenements have a parent shell; some entries have alternative or historic identifiers. Nothing here is a real address.
"""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "migration" / "synthetic" / "data"
TYPES = (
    "Road",
    "Street",
    "Avenue",
    "Drive",
    "Place",
    "Crescent",
    "Terrace",
    "Gardens",
    "Court",
    "Grove",
    "Lane",
    "Way",
    "Wynd",
    "Loan",
    "Park",
    "Square",
    "View",
    "Brae",
    "Row",
    "Close",
)
WEIGHTS = (18, 16, 9, 8, 8, 6, 6, 4, 5, 4, 4, 3, 1, 1, 2, 1, 2, 1, 1, 2)
STYLES = {
    "edinburgh": "number_slash",
    "glasgow": "floor_number",
    "floor_number": "floor_number",
    "floor_side": "floor_side",
    "long_words": "floor_side",
}
HOUSE_NAMES = (
    "Rose",
    "Ivy",
    "Burnside",
    "Hillview",
    "Braehead",
    "Seaview",
    "Kirk",
    "Mill",
    "Station",
    "School",
    "Glebe",
    "Manse",
)
STEMS = ("", "Forbes", "Grant", "Tay", "Kerr", "Elgin", "Ross", "Iona")
BUILDINGS = ("Court", "House", "Buildings", "Mill")
SHOPS = ("Stores", "Bakery", "Bar", "Hotel", "Garage", "Primary School", "Dental Practice")
HOUSE_KINDS = ("Cottage", "House", "Lodge", "Bank", "Farm", "Croft")
COLUMNS = (
    "uprn",
    "usrn",
    "parent_uprn",
    "class_code",
    "address_status",
    "organisation",
    "sao_text",
    "sao_start_number",
    "sao_start_suffix",
    "sao_end_number",
    "sao_end_suffix",
    "pao_text",
    "pao_start_number",
    "pao_start_suffix",
    "pao_end_number",
    "pao_end_suffix",
    "street_description",
    "locality",
    "town",
    "administrative_area",
    "postcode",
    "easting",
    "northing",
    "division_code",
    "beat_code",
    "start_date",
    "end_date",
)


@dataclass
class Town:
    name: str
    division: str
    admin: str
    districts: list[str]
    easting: int
    northing: int
    weight: float
    style: str
    localities: list[str]


def read_towns(copies: int) -> list[Town]:
    """Towns of the synthetic estates; `copies` more of each, under other names, for large gazetteers."""
    with (DATA / "towns.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Town(
            r["town"],
            r["division"],
            r["administrative_area"],
            r["districts"].split(";"),
            int(r["easting"]),
            int(r["northing"]),
            float(r["weight"]),
            STYLES.get(r["flat_style"], "flat_number"),
            r["localities"].split(";"),
        )
        for r in rows
    ]


def _stems() -> tuple[list[str], list[str]]:
    with (DATA / "street_words.csv").open(encoding="utf-8", newline="") as file:
        words = {r["kind"]: r["words"].split(";") for r in csv.DictReader(file)}
    return words["common"], words["stem"]


def make_entries(count: int, seed: int) -> Iterator[dict[str, object]]:
    """About `count` entries, town by town."""
    rng = random.Random(seed)  # noqa: S311
    towns = read_towns(0)
    total = sum(t.weight for t in towns)
    common, stems = _stems()
    uprn, usrn = 100_000_000, 1_000_000
    for town in towns:
        share = int(count * town.weight / total)
        made = 0
        names: list[tuple[str, str]] = [(c, "") for c in common]
        pool = [(f"{s} {t}") for s in stems for t in rng.choices(TYPES, WEIGHTS, k=3)]
        rng.shuffle(pool)
        names += [(n, rng.choice(town.localities)) for n in dict.fromkeys(pool)]
        names += [(rng.choice(common), place) for place in town.localities if place]
        names += [
            (f"{rng.choice(('North', 'South', 'East', 'West', 'Upper', 'Old'))} {n}", place) for n, place in names[:40]
        ]
        order = 0
        while made < share:
            if order >= len(names):
                names += [
                    (f"{rng.choice(stems)} {rng.choice(stems)} {rng.choice(TYPES)}", rng.choice(town.localities))
                    for _ in range(200)
                ]
            name, locality = names[order]
            order += 1
            usrn += rng.randint(1, 40)
            for row in _street(rng, town, name, locality, usrn, uprn, order):
                uprn = max(uprn, int(str(row["uprn"]))) + rng.randint(1, 3)
                made += 1
                yield row


def _street(rng, town, name, locality, usrn, uprn, order):  # noqa: C901
    e0 = town.easting + rng.randint(-2500, 2500)
    n0 = town.northing + rng.randint(-2500, 2500)
    district = town.districts[order % len(town.districts)]
    beat = f"{town.division}{town.name[:2].upper()}{order % 7}"
    base = {c: "" for c in COLUMNS} | {
        "usrn": usrn,
        "street_description": name,
        "locality": locality,
        "town": town.name,
        "administrative_area": town.admin,
        "division_code": town.division,
        "beat_code": beat,
        "address_status": "APPROVED",
        "start_date": "2001-01-01",
        "class_code": "RD",
    }
    tenements = rng.random() < (0.45 if town.style != "flat_number" else 0.2)
    length = rng.randint(6, 70)
    sector = rng.randint(1, 9)
    used: set[str] = set()
    units = rng.sample([a + b for a in "ABDEFGHJLN" for b in "ABDEFGHJLNPQRSTUW"], 8)
    for i in range(length):
        number = 2 * i + 1 + (i % 2) * rng.choice((0, 1))
        if rng.random() < 0.04:
            continue
        postcode = f"{district} {sector}{units[min(7, i * 8 // length)]}"
        spot = {"postcode": postcode, "easting": e0 + i * 9, "northing": n0 + i * 4}
        uprn += rng.randint(2, 9)
        row = base | spot | {"uprn": uprn, "pao_start_number": number}
        roll = rng.random()
        if roll < 0.03:
            row["pao_start_suffix"] = rng.choice("AB")
        elif roll < 0.05:
            row["pao_end_number"] = number + 2
        elif roll < 0.09:
            name = f"{rng.choice(HOUSE_NAMES)} {rng.choice(HOUSE_KINDS)}"
            row["pao_text"] = "" if name in used else name
            used.add(name)
            if row["pao_text"] and rng.random() < 0.5:
                row["pao_start_number"] = ""
        elif roll < 0.12:
            row["organisation"] = f"{rng.choice(HOUSE_NAMES)} {rng.choice(STEMS)} {rng.choice(SHOPS)}"
        if tenements and roll > 0.05 and rng.random() < 0.6:
            name = f"{rng.choice(HOUSE_NAMES)} {rng.choice(BUILDINGS)}" if rng.random() < 0.1 else ""
            name = "" if name in used else name
            used.add(name)
            building = row | {"organisation": "", "pao_text": name, "pao_start_number": number}
            yield building | {"class_code": "PP"}
            parent = uprn
            for sao in _flats(rng, town.style):
                uprn += rng.randint(1, 4)
                yield building | {"uprn": uprn, "parent_uprn": parent, **sao}
            continue
        yield row
        if rng.random() < 0.01:
            yield row | {
                "address_status": "HISTORIC",
                "uprn": uprn + 1,
                "pao_start_number": number + 200,
                "end_date": "2010-01-01",
            }
            uprn += 1


def _flats(rng, style):
    floors = rng.randint(2, 5)
    if style == "floor_side":
        for f in range(floors):
            word = ("Ground", "1st", "2nd", "3rd", "4th")[f]
            for side in ("Left", "Right"):
                yield {"sao_text": f"{word} Floor {side}"}
    elif style == "floor_number":
        for f in range(floors):
            for d in (1, 2, 3)[: rng.randint(2, 3)]:
                yield {"sao_text": f"Flat {f}/{d}"}
    elif style == "number_slash":
        for k in range(1, floors * 2 + 1):
            yield {"sao_start_number": k}
    else:
        letters = rng.random() < 0.25
        for k in range(floors * 2):
            yield {"sao_text": f"Flat {'ABCDEFGHIJ'[k]}"} if letters else {"sao_text": f"Flat {k + 1}"}


def write_gazetteer(path: Path, count: int, seed: int) -> int:
    """Write a gazetteer CSV; returns its rows."""
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in make_entries(count, seed):
            writer.writerow(row)
            rows += 1
    return rows
