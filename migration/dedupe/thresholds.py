"""A threshold chosen on one half of labelled people and reported on the other.

Enters: records with truth, optionally a model. Leaves: figures of every threshold on the tuning half, the choice, and
figures on the held-out half, as Markdown and JSON. Must hold: all records of a person are in one half; the halves
depend on the person's id alone; nothing of the held-out half, weights included, is seen by the choice. Refuses: truth
with fewer than two people in a half.

The choice is the lowest `cohesion` at which the pairs that golden nominals join are right at least `PRECISION` of the
time, with 97.5 % confidence: precision first, then as much recall as it leaves.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from migration.dedupe.clustering import Guards, cluster_records
from migration.dedupe.evaluation import Evaluation, evaluate_clusters
from migration.dedupe.files import FileResult, link_records
from migration.dedupe.model import Model
from migration.errors import SourceError

SALT = "choice of thresholds, first protocol"
PRECISION = 0.995
HEADING = "# Evidence for the thresholds\n\nWritten by commands and checked by tests (decision 0058); not by hand."
COHESIONS = (-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)


@dataclass(frozen=True)
class ThresholdReport:
    """What a labelled table says of the thresholds. `tuning` has one evaluation per cohesion tried."""

    records: int
    people: int
    default: float
    chosen: float | None
    tuning: tuple[tuple[float, Evaluation], ...]
    held_out: tuple[tuple[float, Evaluation], ...]


def is_tuning(person: str) -> bool:
    """Whether a person's records are in the tuning half."""
    return hashlib.sha256(f"{SALT}\x1f{person}".encode()).digest()[0] % 2 == 0


def choose_thresholds(records: pa.Table, truth: pa.Array, threads: int, model: Model | None = None) -> ThresholdReport:
    """The threshold that the tuning half supports, and what it gives on the held-out half.

    Args:
        truth: true person of every record. model: weights to use; learned from each half alone where left out.

    Raises:
        SourceError: a half has fewer than two people.
    """
    people = truth.to_pylist()
    mask = np.asarray([is_tuning(str(p)) for p in people])
    if min(len(set(truth.filter(pa.array(m)).to_pylist())) for m in (mask, ~mask)) < 2:
        raise SourceError("labelled table", "fewer than two people in a half", "more", "Give more labelled people.")
    tuning = _link_half(records, truth, mask, threads, model)
    curve = tuple((c, _evaluate(*tuning, c, threads)) for c in COHESIONS)
    supported = [c for c, e in curve if e.pair_precision.low >= PRECISION]
    default = tuning[0].model.thresholds.cohesion
    chosen = min(supported) if supported else None
    held = _link_half(records, truth, ~mask, threads, model)
    wanted = sorted({default} | ({chosen} if chosen is not None else set()))
    judged = tuple((c, _evaluate(*held, c, threads)) for c in wanted)
    return ThresholdReport(len(records), len(set(people)), default, chosen, curve, judged)


def _link_half(
    records: pa.Table, truth: pa.Array, mask: np.ndarray, threads: int, model: Model | None
) -> tuple[FileResult, np.ndarray]:
    """One half linked, and its truth in the order of the result."""
    half, answer = records.filter(pa.array(mask)), truth.filter(pa.array(mask))
    result = link_records(half, threads, model)
    person = dict(zip(half["record_id"].to_pylist(), answer.to_pylist(), strict=True))
    return result, np.asarray([str(person[r]) for r in result.matrix.record_ids.to_pylist()])


def _evaluate(result: FileResult, truth: np.ndarray, cohesion: float, threads: int) -> Evaluation:
    model = replace(result.model, thresholds=replace(result.model.thresholds, cohesion=cohesion))
    clusters = cluster_records(result.matrix, model, result.candidates.pairs, Guards(), threads)
    return evaluate_clusters(clusters.of, truth)


def report_facts(report: ThresholdReport) -> dict[str, object]:
    """The report as JSON values."""
    return {"protocol": {"salt": SALT, "least_precision": PRECISION}, **asdict(report)}


def report_lines(report: ThresholdReport, title: str) -> list[str]:
    """The report as lines of Markdown."""
    chosen = "none of those tried" if report.chosen is None else f"{report.chosen:g} bits"
    return [
        f"## {title}",
        "",
        f"{report.records:,} records of {report.people:,} people, halved by person (SHA-256 of the salt and the "
        f"person's id). Lowest cohesion at which the lower 95 % bound of pair precision reaches "
        f"{PRECISION}: **{chosen}**; the default is {report.default:g}.",
        "",
        "Tuning half:",
        "",
        *figures_table(report.tuning),
        "",
        "Held-out half:",
        "",
        *figures_table(report.held_out),
        "",
    ]


def evidence_section(path: Path, title: str) -> list[str]:
    """Lines of a section of a file of evidence, its heading first; empty where it has none of that title."""
    return _read_sections(path).get(f"## {title}", [])


def put_evidence(path: Path, lines: Sequence[str]) -> None:
    """Put a report (`report_lines`) into a file of evidence, in place of the section with its title or at the end."""
    sections = {**_read_sections(path), lines[0]: [*lines]}
    parts = [HEADING, *("\n".join(section).rstrip("\n") for section in sections.values())]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _read_sections(path: Path) -> dict[str, list[str]]:
    """Sections of a file of evidence by heading, in order."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        if line.startswith("## "):
            current = found.setdefault(line, [])
        current.append(line)
    return found


def figures_table(rows: Sequence[tuple[float, Evaluation]]) -> list[str]:
    """Figures per cohesion as a Markdown table."""
    names = ("pair_precision", "pair_recall", "pair_f1", "cubed_f1", "cluster_precision")
    head = ["cohesion", *(n.replace("_", " ") for n in names), "largest (true)"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for cohesion, e in rows:
        figures = [getattr(e, n) for n in names]
        cells = [f"{f.value:.4f} ({f.low:.4f} to {f.high:.4f})" for f in figures]
        lines.append(f"| {cohesion:g} | {' | '.join(cells)} | {e.largest_cluster} ({e.largest_person}) |")
    return lines
