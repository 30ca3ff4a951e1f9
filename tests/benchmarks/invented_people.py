"""Invented people with known truth, for benchmarks of linking: any number of records, the same every time.

People live in households (partners, children with their parents' surname, now and then twins or a son named after his
father), have one to several records each, and records differ by typing errors, short names, married names, moves, wrong
and missing dates. `junk` adds what legacy systems are full of: 2 % of records on one default date, 5 % with the surname
UNKNOWN, 500 people at one address. Names are drawn from the forename table of the linking package and from invented
surnames, by falling frequency.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from migration.dedupe import names

Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]
STARTS = [
    "AB",
    "BAL",
    "BAR",
    "BEN",
    "BLA",
    "BRE",
    "BRO",
    "CAL",
    "CAR",
    "CLA",
    "COL",
    "CRA",
    "CUL",
    "DAL",
    "DEN",
    "DUN",
    "DRU",
    "EL",
    "FAR",
    "FIN",
    "FOR",
    "GAL",
    "GIL",
    "GLEN",
    "GRA",
    "HAL",
    "HAR",
    "HOL",
]
MIDDLES = [
    "A",
    "BER",
    "CA",
    "DA",
    "DER",
    "DO",
    "FA",
    "GA",
    "GEN",
    "HA",
    "KEN",
    "KIR",
    "LA",
    "LAN",
    "LER",
    "LO",
    "MA",
    "MER",
    "MO",
    "NA",
    "NER",
    "RA",
    "RIN",
    "RO",
    "SA",
    "TER",
    "TO",
    "VA",
    "WIN",
]
ENDS = [
    "CH",
    "DALE",
    "DIE",
    "DON",
    "FORD",
    "GAN",
    "GIE",
    "HAM",
    "HEAD",
    "HILL",
    "HOLM",
    "IE",
    "KIE",
    "LAND",
    "LEY",
    "LIN",
    "LOCH",
    "MAN",
    "MORE",
    "NAN",
    "NELL",
    "RICK",
    "SIDE",
    "SON",
    "TON",
    "VER",
    "WELL",
    "WOOD",
]
LETTERS = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))


def invented_surnames(generator: np.random.Generator) -> list[str]:
    words = {a + b + c for a in STARTS for b in MIDDLES for c in ENDS} | {"MC" + a + c for a in STARTS for c in ENDS}
    words |= set(names.surname_families())
    ordered = sorted(words)
    generator.shuffle(ordered)
    return ordered


def draw(generator: np.random.Generator, kinds: int, size: int, steepness: float) -> Ints:
    """Numbers below `kinds` by falling frequency."""
    weights = 1.0 / (np.arange(kinds) + 8.0) ** steepness
    return np.searchsorted(np.cumsum(weights / weights.sum()), generator.random(size)).clip(0, kinds - 1)


def forename_variants() -> tuple[list[str], list[list[str]]]:
    heads = sorted({h for group in names.forename_families().values() for h in group})
    variants: dict[str, list[str]] = {h: [] for h in heads}
    for name, group in names.forename_families().items():
        for head in group:
            if head != name:
                variants[head].append(name)
    return heads, [sorted(variants[h])[:4] or [h] for h in heads]


def invent_people(records: int, seed: int = 7, junk: bool = False) -> pa.Table:
    """Records in the role vocabulary. Columns: `record_id`, `truth` (the person), forename, middle, surname, dob, sex,
    postcode, place_of_birth, occupation, phone.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    persons = int(records / 1.9)
    person = _people(generator, persons)
    owner = np.sort(
        np.concatenate([np.arange(persons), (persons * generator.random(records - persons) ** 1.3).astype(np.int64)])
    )
    columns = {k: v[owner] for k, v in person.items()}
    columns |= _damage(generator, columns, records)
    if junk:
        _add_junk(generator, columns, records)
    table = _render(generator, columns, records)
    order = pa.array(generator.permutation(records))
    ids = pa.array([f"r{n:08d}" for n in range(records)])
    return table.append_column("truth", pa.array(owner)).take(order).append_column("record_id", ids)


def _people(generator: np.random.Generator, persons: int) -> dict[str, Ints]:
    household = np.sort((generator.random(persons) * persons / 2.2).astype(np.int64))
    homes = int(household.max()) + 1
    surname_of_home = draw(generator, 20000, homes, 0.85)
    own_name = generator.random(persons) < 0.25
    surname = np.where(own_name, draw(generator, 20000, persons, 0.85), surname_of_home[household])
    place = draw(generator, 900, homes, 0.9)
    return {
        "surname": surname,
        "forename": draw(generator, 140, persons, 0.8),
        "middle": np.where(generator.random(persons) < 0.4, draw(generator, 140, persons, 0.8), -1),
        "day": (generator.beta(2, 2, persons) * 29000).astype(np.int64) - 14600,
        "sex": generator.integers(0, 2, persons),
        "postcode": (homes * 0.07 * generator.random(homes)).astype(np.int64)[household] * 16 + place[household] % 16,
        "birth_place": np.where(generator.random(persons) < 0.7, place[household], draw(generator, 900, persons, 0.9)),
        "occupation": draw(generator, 120, persons, 0.7),
        "phone": np.where(generator.random(persons) < 0.5, generator.integers(0, 10**9, persons), -1),
    }


def _damage(generator: np.random.Generator, c: dict[str, Ints], records: int) -> dict[str, Ints]:
    def some(share: float) -> npt.NDArray[np.bool_]:
        return np.asarray(generator.random(records) < share)

    married = some(0.02) & (c["sex"] == 1)
    return {
        "surname": np.where(married, draw(generator, 20000, records, 0.85), c["surname"]),
        "middle": np.where(some(0.4), -1, c["middle"]),
        "day": np.where(some(0.07), -99999, c["day"]),
        "sex": np.where(some(0.05), -1, np.where(some(0.004), 1 - c["sex"], c["sex"])),
        "postcode": np.where(some(0.08), -1, np.where(some(0.22), generator.permutation(c["postcode"]), c["postcode"])),
        "birth_place": np.where(some(0.3), -1, c["birth_place"]),
        "occupation": np.where(some(0.4), -1, np.where(some(0.2), draw(generator, 120, records, 0.7), c["occupation"])),
        "phone": np.where(some(0.5), -1, np.where(some(0.15), generator.integers(0, 10**9, records), c["phone"])),
    }


def _add_junk(generator: np.random.Generator, c: dict[str, Ints], records: int) -> None:
    c["day"] = np.where(generator.random(records) < 0.02, 0, c["day"])
    c["surname"] = np.where(generator.random(records) < 0.05, -1, c["surname"])
    c["postcode"][generator.integers(0, records, 500)] = 1


def _render(generator: np.random.Generator, c: dict[str, Ints], records: int) -> pa.Table:
    surnames = pa.array([*invented_surnames(generator)[:20000], "UNKNOWN"])
    heads, variants = forename_variants()
    order = generator.permutation(len(heads))
    heads, variants = [heads[i] for i in order], [variants[i] for i in order]
    forename = np.asarray(heads, dtype=object)[c["forename"] % len(heads)]
    short = np.flatnonzero(generator.random(records) < 0.08)
    picks = generator.integers(0, 4, len(short))
    forename[short] = [
        variants[c["forename"][r] % len(heads)][p % len(variants[c["forename"][r] % len(heads)])]
        for r, p in zip(short, picks, strict=True)
    ]
    surname = surnames.take(pa.array(c["surname"] % 20001)).to_numpy(zero_copy_only=False).astype(object)
    _mistype(generator, forename, 0.02)
    _mistype(generator, surname, 0.04)
    return pa.table(
        {
            "forename": pa.array(forename, pa.string()),
            "middle": _take(heads, c["middle"]),
            "surname": pa.array(surname, pa.string()),
            "dob": _dates(generator, c["day"]),
            "sex": _take(["MALE", "FEMALE"], c["sex"]),
            "postcode": _postcodes(c["postcode"]),
            "place_of_birth": _take([f"{s}TOWN" for s in surnames.to_pylist()[:900]], c["birth_place"]),
            "occupation": _take([f"{s} WORKER" for s in surnames.to_pylist()[900:1020]], c["occupation"]),
            "phone": _phones(c["phone"]),
        }
    )


def _take(values: list[str], numbers: Ints) -> pa.Array:
    return pa.array(values).take(pa.array(numbers % len(values), mask=numbers < 0))


def _phones(numbers: Ints) -> pa.Array:
    text = pc.utf8_lpad(pa.array(np.maximum(numbers, 0)).cast(pa.string()), 9, "0")
    return pc.if_else(pa.array(numbers >= 0), pc.binary_join_element_wise("01", text, ""), pa.scalar(None, pa.string()))


def _postcodes(numbers: Ints) -> pa.Array:
    n = np.maximum(numbers, 0)
    area = np.asarray(
        ["AB", "DD", "EH", "FK", "G", "IV", "KA", "KW", "KY", "ML", "PA", "PH", "TD", "DG", "HS", "ZE"], object
    )
    units = LETTERS[[0, 1, 3, 4, 5, 6, 7, 9, 11, 13, 15, 16, 17, 18, 19, 20, 22, 23, 24, 25]]
    outward = pa.array(area[n % 16] + ((n // 64000) % 60 + 1).astype(str).astype(object))
    inward = pa.array(((n // 6400) % 10).astype(str).astype(object) + units[(n // 320) % 20] + units[(n // 16) % 20])
    joined = pc.binary_join_element_wise(outward.cast(pa.string()), inward.cast(pa.string()), " ")
    return pc.if_else(pa.array(numbers >= 0), joined, pa.scalar(None, pa.string()))


def _dates(generator: np.random.Generator, days: Ints) -> pa.Array:
    known = days > -99999
    packed = pa.array(np.where(known, days, 0).astype("datetime64[D]"))
    text = pc.strftime(packed.cast(pa.timestamp("s")), format="%Y-%m-%d").to_numpy(zero_copy_only=False).astype(object)
    wrong = np.flatnonzero(generator.random(len(days)) < 0.04)
    for row, place, digit in zip(
        wrong, generator.choice([3, 6, 9], len(wrong)), generator.integers(1, 9, len(wrong)), strict=True
    ):
        value = text[row]
        if place == 6 and value[8:] <= "12":
            text[row] = f"{value[:5]}{value[8:]}-{value[5:7]}"
        else:
            text[row] = value[:place] + str(digit) + value[place + 1 :]
    text[~known] = None
    return pa.array(text, pa.string())


def _mistype(generator: np.random.Generator, values: Texts, share: float) -> None:
    rows = np.flatnonzero(generator.random(len(values)) < share)
    kinds = generator.integers(0, 4, len(rows))
    places = generator.random(len(rows))
    letters = LETTERS[generator.integers(0, 26, len(rows))]
    for row, kind, place, letter in zip(rows, kinds, places, letters, strict=True):
        word = values[row]
        if len(word) < 4:
            continue
        at = 1 + int(place * (len(word) - 2))
        tail = {
            0: letter + word[at + 1 :],
            1: word[at + 1 :],
            2: letter + word[at:],
            3: word[at + 1] + word[at] + word[at + 2 :],
        }
        values[row] = word[:at] + tail[int(kind)]
