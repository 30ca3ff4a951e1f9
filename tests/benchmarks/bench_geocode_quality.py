"""What the matcher reaches on SYNTHETIC labelled addresses, and the calibration it is shipped with.

    python tests/benchmarks/bench_geocode_quality.py calibrate --folder F --out migration/geocode/calibration.csv
    python tests/benchmarks/bench_geocode_quality.py evaluate --folder F --seed 7808 --style derby

`calibrate` counts every evidence pattern over four gazetteers of their own seeds (`CALIBRATION_SETS`), texts of one
kind as one set. `evaluate` takes seeds that are not among them, and prints recall, strict precision, wrong and false
matches, every confidence band with what it reached and the lower bound of it, the bands of at least `LEAST` matches
that reached less than they state, and how many addresses with an entry lost number, flat or street. A tenth of the
entries is held out. Run with the project root on PYTHONPATH.
"""

import argparse
import csv
import json
from collections import Counter
from pathlib import Path

from migration.geocode.calibrate import Label, calibrate, evaluate, read_labels
from migration.geocode.confidence import build_calibration, read_counts, wilson_lower, write_counts
from migration.geocode.gazetteer.build import build_gazetteer
from migration.geocode.gazetteer.index import Gazetteer, load_gazetteer
from migration.geocode.match import Matcher
from migration.settings import Settings
from tests.benchmarks.gazetteer_factory import write_gazetteer
from tests.benchmarks.labelled_addresses import address_errors, scottish, split_gazetteer, write_labelled

CALIBRATION_SETS = (
    (100_000, 3101, 1, 20_000, 60_000, None),
    (100_000, 3202, 2, 20_000, 60_000, "leeds"),
    (100_000, 3303, 3, 20_000, 60_000, None),
    (100_000, 3404, 4, 20_000, 60_000, "cornwall"),
)
"""Entries, seed, held-out seed, Scottish addresses, `address-errors` addresses and their style (None: pooled).

Errors come in rare combinations: a kind seen less than some 25 times cannot earn a UPRN, right as it may be.
"""
NAMED = 8_000
"""Further addresses of each calibration set that name a building or organisation, or have a suffix or range."""


LEAST = 300
"""Matches from which a band is judged."""
LOST = (
    "PN3",
    "PN4",
    "PN7",
    "PN8",
    "SU1:suffix",
    "SU4:floor_descriptor_dropped",
    "SU6:position_dropped",
    "SU7",
    "SU10:subunit_text_replaced",
    "SU10:unit_or_floor_word_swapped",
    "SU13:other_subunit_text_dropped",
    "SU14",
    "SU15",
    "ST4",
)
"""Errors of `address-errors` that take away or replace what tells the entry from its neighbours."""


def make_set(
    folder: Path, entries: int, seed: int, held: int, counts: tuple[int, int, int], style: str | None
) -> tuple[Gazetteer, dict[str, list[Label]]]:
    """A compiled gazetteer without its held-out entries, and `counts` labelled addresses: Scottish, errors, named."""
    scottish_count, errors_count, named = counts
    folder.mkdir(parents=True, exist_ok=True)
    write_gazetteer(folder / "full.csv", entries, seed)
    rows = split_gazetteer(folder / "full.csv", folder / "gazetteer.csv", held)
    write_labelled(folder / "errors.csv", address_errors(rows, errors_count, seed + 2, held, style))
    write_labelled(folder / "scottish.csv", scottish(rows, scottish_count, seed + 1, held))
    kinds = ["errors", "scottish"]
    if named:
        write_labelled(folder / "named.csv", scottish(rows, named, seed + 5, held, named_only=True))
        kinds.append("named")
    settings = Settings(home=folder / "home", threads=2)
    build_gazetteer(settings, [folder / "gazetteer.csv"], None, "quality")
    return load_gazetteer(settings, "quality"), {kind: read_labels(folder / f"{kind}.csv") for kind in kinds}


def run_calibration(folder: Path, out: Path, processes: int) -> None:
    sources = []
    for entries, seed, held, count, errors, style in CALIBRATION_SETS:
        gazetteer, sets = make_set(folder / str(seed), entries, seed, held, (count, errors, NAMED), style)
        sources += [(set_name(kind, style), gazetteer, labels) for kind, labels in sets.items()]
    counts = calibrate(sources, processes)
    write_counts(out, counts)
    print({name: (len(rows), sum(r[1] for r in rows)) for name, rows in counts.items()})


def set_name(kind: str, style: str | None) -> str:
    """Name of a set of calibration addresses: texts of one kind are counted together."""
    return f"{kind} {style}" if kind == "errors" and style else kind


def describe(gazetteer: Gazetteer, labels: list[Label], counts: Path, processes: int) -> dict[str, object]:
    """Figures of an evaluation; each band with matches, right ones and the lower bound of its precision."""
    result, _ = evaluate(Matcher(gazetteer, build_calibration(*read_counts(counts).values())), labels, processes)
    judged = {b: (seen, right) for b, (seen, right) in result.bands.items() if seen >= LEAST}
    return {
        "addresses": result.total,
        "recall": round(result.recall, 4),
        "strict_precision": round(result.precision, 5),
        "wrong_of_matchable": f"{result.wrong_of_matchable} of {result.matchable}",
        "false_on_absent": f"{result.false_on_absent} of {result.absent}",
        "refusals": dict(Counter(result.refusals).most_common()),
        "bands below what they state": [b for b, (seen, right) in judged.items() if right / seen < float(b[:-1])],
        "bands": {b: (seen, right, round(wilson_lower(right, seen), 4)) for b, (seen, right) in result.bands.items()},
    }


def count_lost(path: Path) -> dict[str, int]:
    """Addresses with an entry, and those whose number, flat or street `address-errors` dropped or replaced."""
    with path.open(encoding="utf-8", newline="") as file:
        edits = [row["edits"] for row in csv.DictReader(file) if row["uprn"]]
    return {"with an entry": len(edits), "number, flat or street lost": sum(any(x in e for x in LOST) for e in edits)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=("calibrate", "evaluate"))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("migration/geocode/calibration.csv"))
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7707)
    parser.add_argument("--count", type=int, default=15_000)
    parser.add_argument("--style", default=None)
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    if given.mode == "calibrate":
        run_calibration(given.folder, given.out, given.processes)
        return
    counts = (given.count, given.count, 0)
    gazetteer, sets = make_set(given.folder, given.entries, given.seed, given.seed % 100, counts, given.style)
    report = {kind: describe(gazetteer, labels, given.out, given.processes) for kind, labels in sets.items()}
    print(json.dumps({**report, "lost": count_lost(given.folder / "errors.csv")}, indent=1))


if __name__ == "__main__":
    main()
