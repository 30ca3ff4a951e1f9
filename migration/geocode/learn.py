"""What reviewers decided, as labels that later runs follow; the names decisions teach are in `aliases`.

Enters: decisions (text as recorded, postcode, UPRN or NONE, who, when, why) in `<home>/gazetteers/decisions.csv`.
Leaves: labels (key of a text → UPRN, or -1 for "not in the gazetteer") for the matcher, and the conflicts among them.
Must hold: the same text gets the same answer everywhere; two decisions that differ are reported and neither is
followed; a label whose UPRN has left the release is not followed. Texts are kept as hashes of their tokens: the file
holds no address.
"""

import csv
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from migration.errors import ConfigError
from migration.geocode.aliases import aliases_path
from migration.geocode.postcodes import find_postcode, format_postcode
from migration.geocode.text import fold, tokenise
from migration.layers import hash_file
from migration.settings import Settings

FILE = "decisions.csv"
COLUMNS = ("text_key", "uprn", "decided_by", "decided_on", "reason")
NOT_IN_GAZETTEER = -1


@dataclass(frozen=True)
class Decision:
    """One reviewer's answer for a text. `uprn` is None where the place is not in the gazetteer."""

    text_key: str
    uprn: int | None
    decided_by: str
    decided_on: str
    reason: str


def text_key(text: str, postcode: str = "", division: str = "") -> str:
    """Key of a text: hash of its tokens, its postcode and its division; equal for spellings that tokenise alike."""
    found, rest = find_postcode(fold(text))
    formatted = format_postcode(postcode) or found or ""
    words = "\x1f".join((" ".join(tokenise(rest)), formatted, division))
    return hashlib.sha256(words.encode()).hexdigest()[:32]


def decisions_path(settings: Settings) -> Path:
    """Where reviewers' decisions lie."""
    return settings.gazetteers / FILE


def labels_hash(settings: Settings) -> str:
    """Hash of what reviewers taught, decisions and names; `` without any."""
    taught = [path for path in (decisions_path(settings), aliases_path(settings)) if path.exists()]
    return "-".join(f"{path.stem}:{hash_file(path)}" for path in taught)


def read_decisions(path: Path) -> list[Decision]:
    """Decisions in a file, in order.

    Raises:
        ConfigError: a column is missing or a UPRN is not a number.
    """
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            found = f"columns {', '.join(reader.fieldnames or ())}"
            raise ConfigError(f"file {path.name}", found, f"columns {', '.join(COLUMNS)}", "Restore its header.")
        return [_decision(path, line, row) for line, row in enumerate(reader, 2)]


def _decision(path: Path, line: int, row: dict[str, str]) -> Decision:
    text = row["uprn"].strip()
    if text and not text.isdigit():
        raise ConfigError(
            f"file {path.name}, line {line}", "a UPRN that is no number", "digits or nothing", "Correct it."
        )
    return Decision(row["text_key"], int(text) if text else None, row["decided_by"], row["decided_on"], row["reason"])


def find_conflicts(decisions: list[Decision]) -> dict[str, list[Decision]]:
    """Texts that were decided differently, with their decisions."""
    by_key: dict[str, list[Decision]] = defaultdict(list)
    for decision in decisions:
        by_key[decision.text_key].append(decision)
    return {k: ds for k, ds in sorted(by_key.items()) if len({d.uprn for d in ds}) > 1}


def load_labels(settings: Settings) -> dict[str, int]:
    """Labels to follow: text key → UPRN, or `NOT_IN_GAZETTEER`; texts with conflicting decisions are left out."""
    decisions = read_decisions(decisions_path(settings))
    conflicts = find_conflicts(decisions)
    return {
        d.text_key: d.uprn if d.uprn is not None else NOT_IN_GAZETTEER for d in decisions if d.text_key not in conflicts
    }


def record_decision(settings: Settings, decision: Decision) -> int:
    """Append a decision; returns how many texts now have conflicting ones."""
    path = decisions_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    known = read_decisions(path)
    if decision not in known:
        known.append(decision)
    temporary = path.with_name(f".{path.name}.writing")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for d in known:
            uprn = "" if d.uprn is None else str(d.uprn)
            writer.writerow((d.text_key, uprn, d.decided_by, d.decided_on, d.reason))
    temporary.replace(path)
    return len(find_conflicts(known))
