"""Print a fixed sample of real addresses with their answers, to be read by eye: schools, damaged, and food premises.

    python tests/real/print_geocode_sample.py FOLDER

Entries are those of `test_geocode_open_data.py`: schools (a tenth held out) and numbered food premises. Premises are
written as their register has them, whether or not an entry could be made of them. Each line has the outcome, the text,
the answer and, where no right UPRN was given, true and answered entry with the evidence. Nothing is kept but the
compiled release in FOLDER. Run with the project root and `tests` on PYTHONPATH.
"""

import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
from real.geocode_sources import damaged, premises_entries, read_divisions, read_schools, school_entry, write_entries

from migration.geocode.evidence import Query
from migration.geocode.gazetteer.build import build_gazetteer
from migration.geocode.gazetteer.index import load_gazetteer
from migration.geocode.match import Matcher
from migration.settings import Settings, get_settings

SCHOOLS = (110, 2311)
PREMISES = (130, 2312)
"""Size and seed of each sample."""
SHOWN = ("organisation", "pao_start_number", "pao_start_suffix", "pao_end_number", "street_description", "locality")


def sample_schools(source: Path) -> Iterator[tuple[Query, int]]:
    """Damaged addresses of schools and their UPRNs."""
    divisions, schools, rng = read_divisions(source), read_schools(source), random.Random(3)  # noqa: S311
    texts = [damaged(school, divisions, rng) for school in schools]
    count, seed = SCHOOLS
    for i in sorted(random.Random(seed).sample(range(len(texts)), count)):  # noqa: S311
        yield Query(texts[i]["text"], texts[i]["postcode"], texts[i]["division"]), int(texts[i]["uprn"])


def sample_premises(source: Path) -> Iterator[tuple[Query, int]]:
    """Food premises, half behind the business's name, half with their postcode, and their made-up UPRNs."""
    path = source / "fhrs_scotland_2020" / "2020-08-first.parquet"
    rows = duckdb.sql(
        "SELECT FHRSID, BusinessName, concat_ws(', ', AddressLine1, AddressLine2, AddressLine3, AddressLine4), "
        f"PostCode, division FROM '{path}' WHERE AddressLine1 IS NOT NULL OR AddressLine2 IS NOT NULL ORDER BY FHRSID"
    ).fetchall()
    count, seed = PREMISES
    rng = random.Random(seed)  # noqa: S311
    for key, name, line, postcode, division in sorted(rng.sample(rows, count)):
        text = f"{name}, {line}" if rng.random() < 0.5 else line
        written = (postcode or "") if rng.random() < 0.5 else ""
        yield Query(text, written, division or ""), 700_000_000_000 + int(key)


def main() -> None:
    folder, source = Path(sys.argv[1]), get_settings().real_data
    divisions = read_divisions(source)
    entries = [school_entry(s, divisions) for s in read_schools(source) if int(s["UPRN"]) % 10 != 3]
    entries += premises_entries(source)
    by_uprn = {int(str(e["uprn"])): " ".join(str(e[k]) for k in SHOWN) for e in entries}
    settings = Settings(home=folder, threads=1, memory_limit="1GB")
    build_gazetteer(settings, [write_entries(folder / "entries.csv", entries)], None, "sample")
    matcher = Matcher(load_gazetteer(settings, "sample"))
    for sample in (sample_schools(source), sample_premises(source)):
        outcomes: Counter[str] = Counter()
        for query, uprn in sample:
            match = matcher.match(query)
            outcome = "REFUSED" if match.level != "UPRN" else "RIGHT" if match.uprn == uprn else "OTHER"
            outcomes[outcome] += 1
            print(
                outcome, query.text, query.postcode, "→", match.level, match.refusal or "", match.confidence, sep=" | "
            )
            if outcome != "RIGHT":
                print("   true:", by_uprn.get(uprn), "answer:", by_uprn.get(match.uprn or 0), match.evidence)
        print(dict(outcomes))


if __name__ == "__main__":
    main()
