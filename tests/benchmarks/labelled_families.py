"""Invented families with known truth."""

import random

import pyarrow as pa

FAMILIES_TITLE = "120 invented families of two (tests/benchmarks/labelled_families.py)"
FORENAMES = [
    a + b for a in ("HAM", "UN", "MOR", "CAL", "STRU", "ISL", "ROR", "FION") for b in ("ISH", "A", "UM", "AN", "IE")
]

LETTERS = "ABDEFGHJLN"


def invent_families(homes: int, members: int, seed: int = 5) -> tuple[pa.Table, pa.Array]:
    """Homes of one surname, postcode and place of birth, `members` people each, each recorded twice."""
    generator = random.Random(seed)  # noqa: S311
    rows, truth = [], []
    for home in range(homes):
        surname = "".join(generator.choice("BCDFGHKLMNPRST") + generator.choice("AEIOU") for _ in range(4))
        forenames = generator.sample(FORENAMES, members)
        for member in range(members):
            born = f"{generator.randint(1940, 2000)}-{generator.randint(1, 12):02d}-{generator.randint(1, 28):02d}"
            for copy in range(2):
                rows.append(
                    {
                        "record_id": f"{home:04d}-{member}-{copy}",
                        "forename": forenames[member],
                        "surname": surname,
                        "dob": born if generator.random() < 0.9 else None,
                        "postcode": f"AB{home % 20 + 1} 1{LETTERS[home % 10]}{LETTERS[home // 10 % 10]}",
                        "place_of_birth": f"TOWN{home % 40}",
                    }
                )
                truth.append(f"{home}-{member}")
    return pa.Table.from_pylist(rows), pa.array(truth)
