"""Labelled SYNTHETIC addresses over a gazetteer file: Scottish notations with errors, and `address-errors` output.

Columns are those `migrate geocode calibrate` reads (`migration/geocode/calibrate.py`); `kind` says how each was
made, `edits` which errors `address-errors` made.
Entries are held out by a hash of their UPRN and a seed, so that the gazetteer lacks the truth of those queries.
"""

import csv
import hashlib
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

FIELDS = (
    "id",
    "text",
    "postcode",
    "division",
    "recorded_on",
    "uprn",
    "parent_uprn",
    "usrn",
    "true_postcode",
    "true_town",
    "kind",
    "edits",
)
KNOWN = ("match", "held_out", "no_such_number", "no_such_flat", "flat_dropped", "street_only")
"""Kinds whose street is true. Of a street that is nowhere the postcode and town that are written count as true."""
ABBREVIATED = {
    "Road": ("Rd", "Rd."),
    "Street": ("St", "St."),
    "Avenue": ("Ave", "Av"),
    "Drive": ("Dr",),
    "Place": ("Pl",),
    "Crescent": ("Cres", "Cr"),
    "Terrace": ("Terr", "Ter"),
    "Gardens": ("Gdns",),
    "Court": ("Ct",),
    "Grove": ("Gr",),
    "Lane": ("Ln",),
    "Square": ("Sq",),
    "Close": ("Cl",),
}
FLOORS = {"Ground": 0, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4}
WORDS = ("Ground", "First", "Second", "Third", "Fourth")


def is_held_out(uprn: str, seed: int, percent: int = 10) -> bool:
    """Whether an entry is left out of the matcher's gazetteer."""
    return int(hashlib.sha256(f"{seed}:{uprn}".encode()).hexdigest()[:8], 16) % 100 < percent


def split_gazetteer(source: Path, target: Path, seed: int) -> list[dict[str, str]]:
    """Write `target` without the held-out entries; returns all entries of `source`."""
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(r for r in rows if not is_held_out(r["uprn"], seed))
    return rows


def write_labelled(path: Path, rows: Iterator[dict[str, object]]) -> int:
    """Write labelled addresses; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        for count, row in enumerate(rows, 1):  # noqa: B007
            writer.writerow(row)
    return count


def _typo(rng: random.Random, word: str) -> str:
    if len(word) < 4:
        return word
    i = rng.randrange(1, len(word) - 1)
    roll = rng.randrange(4)
    if roll == 0:
        return word[:i] + word[i + 1 :]
    if roll == 1:
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    if roll == 2:
        return word[:i] + rng.choice("abcdefghijklmnoprstuwy") + word[i + 1 :]
    return word[:i] + word[i] + word[i:]


def _flat_forms(entry: dict[str, str]) -> list[str]:
    """Ways to write an entry's flat that mean the same everywhere; `{n}` stands where the house number joins it."""
    text, number = entry["sao_text"], entry["sao_start_number"]
    if not text and number:
        return [f"Flat {number}, {{n}}", f"{{n}}/{number}", f"Apartment {number} {{n}}", f"{{n}} Flat {number}"]
    if "/" in text:
        floor, door = text.removeprefix("Flat ").split("/")
        return [
            f"Flat {floor}/{door}, {{n}}",
            f"{floor}/{door} {{n}}",
            f"{floor}/{door}, {{n}}",
            f"{floor}F{door} {{n}}",
            f"Flt {floor}-{door} {{n}}",
            f"{floor}/{door} - {{n}}",
        ]
    if "Floor" in text:
        floor, side = text.split(" ")[0], text.split(" ")[2]
        f, s = FLOORS[floor], side[0]
        code = "G" if f == 0 else str(f)
        return [
            f"{floor} Floor {side}, {{n}}",
            f"{WORDS[f]} Floor {side} {{n}}",
            f"{code}/{s} {{n}}",
            f"{code}F{s} {{n}}",
            f"{floor} Flr {side}, {{n}}",
            f"{WORDS[f]} {side}, {{n}}",
            f"Flat {code}/{s}, {{n}}",
        ]
    ident = text.removeprefix("Flat ")
    forms = [f"Flat {ident}, {{n}}", f"Flat {ident} {{n}}", f"Flt {ident} {{n}}", f"{{n}} Flat {ident}"]
    if ident.isdigit():
        forms += [f"{{n}}/{ident}", f"Apt {ident}, {{n}}"]
    return forms


def _number(entry: dict[str, str]) -> str:
    number = entry["pao_start_number"] + entry["pao_start_suffix"]
    return number + (f"-{entry['pao_end_number']}" if entry["pao_end_number"] else "")


def scottish(  # noqa: C901
    entries: list[dict[str, str]], count: int, seed: int, held_seed: int, named_only: bool = False
) -> Iterator[dict[str, object]]:
    """`count` addresses in Scottish notations with typing errors, missing parts and 10 % that are nowhere."""
    rng = random.Random(seed)  # noqa: S311
    real = [e for e in entries if e["class_code"] != "PP" and e["address_status"] == "APPROVED"]
    if named_only:
        real = [e for e in real if e["pao_text"] or e["organisation"] or e["pao_start_suffix"] or e["pao_end_number"]]
    towns = sorted({e["town"] for e in entries})
    known = {(e["town"], e["street_description"]) for e in entries}
    for i in range(count):
        entry = rng.choice(real)
        kind = "match"
        truth = 0 if is_held_out(entry["uprn"], held_seed) else int(entry["uprn"])
        if truth == 0:
            kind = "held_out"
        entry = dict(entry)
        roll = rng.random()
        if roll < 0.03 and entry["pao_start_number"] and not entry["pao_text"]:
            entry["pao_start_number"], truth, kind = str(int(entry["pao_start_number"]) + 700), 0, "no_such_number"
        elif roll < 0.05 and entry["sao_text"].startswith("Flat "):
            entry["sao_text"], truth, kind = f"Flat {rng.randint(40, 90)}", 0, "no_such_flat"
        elif roll < 0.075 and any((t, entry["street_description"]) not in known for t in towns):
            entry["town"], truth, kind = _town_without(rng, towns, known, entry), 0, "other_town"
            entry["locality"] = ""
        elif roll < 0.085:
            entry["street_description"], truth, kind = f"Zephyr{rng.choice('aeiou')}k Road", 0, "no_such_street"
        elif roll < 0.125 and entry["parent_uprn"]:
            entry["sao_text"], entry["sao_start_number"], truth, kind = "", "", 0, "flat_dropped"
        elif entry["organisation"] and (roll < 0.145 or (named_only and roll < 0.5)):
            yield _write_place(rng, entry, i, truth)
            continue
        elif roll < 0.155:
            yield _write(rng, entry, i, truth, "street_only") | {
                "text": f"{entry['street_description']}, {entry['town']}",
                "uprn": "",
            }
            continue
        if rng.random() < 0.04:
            entry["division_code"] = rng.choice(sorted({e["division_code"] for e in real[:500]}))
        yield _write(rng, entry, i, truth, kind)


def _write_place(rng: random.Random, entry: dict[str, str], i: int, truth: int) -> dict[str, object]:
    """An organisation named with its town, or alone."""
    row = _write(rng, entry, i, truth, "match" if truth else "held_out")
    place = entry["organisation"] if rng.random() < 0.3 else f"{entry['organisation']}, {entry['town']}"
    return row | {"text": place, "kind": "place", "postcode": row["postcode"] if rng.random() < 0.5 else ""}


def _town_without(rng: random.Random, towns: list[str], known: set[tuple[str, str]], entry: dict[str, str]) -> str:
    return rng.choice([t for t in towns if (t, entry["street_description"]) not in known])


def _write(  # noqa: C901, PLR0912
    rng: random.Random, entry: dict[str, str], i: int, truth: int, kind: str
) -> dict[str, object]:
    street = entry["street_description"].split(" ")
    if rng.random() < 0.5 and street[-1] in ABBREVIATED:
        street[-1] = rng.choice(ABBREVIATED[street[-1]])
    if rng.random() < 0.13:
        j = max(range(len(street)), key=lambda k: len(street[k]))
        street[j] = _typo(rng, street[j])
    number = _number(entry)
    if entry["pao_text"] and entry["parent_uprn"] and rng.random() < 0.4:
        number = entry["pao_text"] + ","
    if entry["sao_text"] or entry["sao_start_number"]:
        premises = rng.choice(_flat_forms(entry)).replace("{n}", number) + " "
    else:
        premises = number + (" " if number else "")
    name = "" if number.startswith(entry["pao_text"] or "-") else entry["pao_text"]
    line = f"{premises}{' '.join(street)}"
    if name and (not number or rng.random() < 0.6):
        line = f"{name}, {line}"
    if entry["organisation"] and rng.random() < 0.5:
        line = f"{entry['organisation']}, {line}"
    parts = [line]
    has_postcode = kind not in ("other_town",) and rng.random() < 0.62
    if entry["locality"] and rng.random() < 0.55:
        parts.append(entry["locality"])
    if rng.random() < 0.86 or kind == "other_town":
        parts.append(entry["town"])
    if rng.random() < 0.08:
        parts.append(entry["administrative_area"])
    postcode = entry["postcode"] if has_postcode else ""
    if postcode and rng.random() < 0.05:
        postcode = postcode[:-1] + rng.choice("ABDEFGHJL")
    separator = " " if rng.random() < 0.25 else ", "
    text = separator.join(parts)
    in_text = rng.random() < 0.4
    if in_text and postcode:
        text = f"{text}{separator}{postcode}"
    if rng.random() < 0.5:
        text = text.upper()
    division = entry["division_code"]
    recorded = f"{rng.randint(2012, 2023)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    return {
        "id": f"S{i}",
        "text": text,
        "postcode": "" if in_text else postcode,
        "division": division,
        "recorded_on": recorded,
        "uprn": truth or "",
        "parent_uprn": entry["parent_uprn"],
        "usrn": entry["usrn"] if kind in KNOWN else "",
        "true_postcode": entry["postcode"] if kind in KNOWN or kind == "no_such_street" else "",
        "true_town": entry["town"],
        "kind": kind,
    }


def address_errors(
    entries: list[dict[str, str]],
    count: int,
    seed: int,
    held_seed: int,
    style: str | None = None,
    blank_postcodes: float = 0.4,
) -> Iterator[dict[str, object]]:
    """Some `count` addresses written by `address-errors`: twice the learnt rates, 15 % noise, 40 % without a postcode.

    Those whose text became the very text of another entry are left out: nobody could tell.
    """
    from address_errors import Controls, Corruptor, Noise, Profile, load_components

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "components.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = [_component(e) for e in entries if e["address_status"] == "APPROVED"]
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        components = load_components(str(path))
    rng = random.Random(seed)  # noqa: S311
    generator = Corruptor(
        Profile.load(), style=style, seed=seed, controls=Controls(prevalence=2.0, noise=Noise(rate=0.15))
    )
    generator.index(components)
    real = [e for e in entries if e["class_code"] != "PP" and e["address_status"] == "APPROVED"]
    by_uprn = {e["uprn"]: e for e in real}
    chosen = rng.sample(sorted(by_uprn), min(count, len(by_uprn)))
    for i, row in enumerate(generator.generate(chosen)):
        entry = by_uprn.get(row["source_uprn"])
        if entry is None:
            continue
        if row["collision_uprn"] and row["collision_uprn"] != entry["uprn"]:
            continue
        held = is_held_out(entry["uprn"], held_seed)
        kind = "held_out" if held else "match"
        postcode = row["recorded_postcode"] if rng.random() >= blank_postcodes else ""
        yield {
            "id": f"E{i}",
            "text": row["recorded_address"],
            "postcode": postcode,
            "division": entry["division_code"],
            "recorded_on": "2020-06-01",
            "uprn": "" if held else entry["uprn"],
            "parent_uprn": entry["parent_uprn"],
            "usrn": entry["usrn"],
            "true_postcode": entry["postcode"],
            "true_town": entry["town"],
            "kind": kind,
            "edits": "+".join(e for e in (row["applied_rules"], row["noise_ops"]) if e),
        }


def _component(e: dict[str, str]) -> dict[str, str]:
    sub = e["sao_text"] or (f"FLAT {e['sao_start_number']}" if e["sao_start_number"] else "")
    return {
        "uprn": e["uprn"],
        "subname": sub.upper(),
        "name": e["pao_text"].upper(),
        "number": _number(e),
        "streetname": e["street_description"].upper(),
        "townname": e["town"].upper(),
        "locality": e["locality"].upper(),
        "postcode": e["postcode"],
        "parentuprn": e["parent_uprn"],
        "usrn": e["usrn"],
    }
