"""One location's match in words, for a reviewer.

Enters: a location id or source key of a run. Leaves: lines of text: class, level, rule, confidence, each flag of the
evidence pattern in words, roles of the tokens, alternatives with margin, or the refusal. Must hold: the text as
recorded is shown only on request. Refuses (SourceError) a key that the run does not have.
"""

import json

from migration.duck import open_session, read_parquet_sql
from migration.errors import SourceError
from migration.geocode.confidence import FIELDS
from migration.layers import layer_folder
from migration.records import Layer, RunContext
from migration.schema.model import load_schema

ROLE_WORDS = {
    "S": "street",
    "L": "place",
    "P": "number or flat",
    "N": "name",
    "F": "filler",
    "U": "unused",
    "-": "break",
}
FLAG_WORDS = {
    "how": "street written as",
    "pc": "postcode agrees at",
    "place": "places named agree at",
    "division": "division",
    "rivals": "streets of the name that fit",
    "number": "number",
    "flat": "flat",
    "order": "reading",
    "name": "building name",
    "tail": "unknown words behind the street",
    "adjacent": "word touching the street",
    "force": "entry in force when recorded",
}


def explain_location(context: RunContext, key: str, show_text: bool = False) -> list[str]:
    """Lines that say how a location was matched.

    Raises:
        SourceError: the run has no located layer, or no location of that key.
    """
    folder = layer_folder(context, Layer.LOCATED)
    matches, locations = folder / "location_match.parquet", layer_folder(context, Layer.MAPPED) / "location.parquet"
    where = f"lake layer {context.division}/{context.run_id}/located"
    if not matches.exists():
        raise SourceError(where, "no matches", "a located run", f"Run `migrate geocode {context.division}`.")
    with open_session(context.settings) as connection:
        rows = (
            connection.execute(
                f"SELECT m.*, l.source_system, l.source_table, l.source_key, l.location_raw_text "
                f"FROM {read_parquet_sql(matches)} m "
                f"JOIN {read_parquet_sql(locations)} l USING (location_id) WHERE m.location_id = ? OR l.source_key = ? "
                "ORDER BY m.location_id",
                [key, key],
            )
            .to_arrow_table()
            .to_pylist()
        )
    if not rows:
        raise SourceError(
            where, "no location of that key", "a location id or source key", "Check the key and division."
        )
    lines: list[str] = []
    for row in rows:
        lines.extend(describe_match(row))
        if show_text:
            lines.append(f"  text as recorded: {row['location_raw_text']}")
    return lines


def describe_match(row: dict[str, object]) -> list[str]:
    """Lines for one row of `location_match` joined with its location's lineage."""
    evidence = json.loads(str(row["evidence"]))
    labels = {c.code: c.label for c in load_schema().codes["geocode_refusal"]}
    refusal = str(row["refusal_code"] or "")
    lines = [
        f"{row.get('source_system')}/{row.get('source_table')} {row.get('source_key')} (location {row['location_id']})",
        f"  class {row['location_class_code']}, level {row['match_level_code']}, rule {row['match_rule']}, "
        f"confidence {row['confidence']}, release {row['gazetteer_release']}",
    ]
    if row["uprn"] or row["usrn"]:
        lines.append(
            f"  UPRN {row['uprn'] or '-'}, USRN {row['usrn'] or '-'}, postcode {row['matched_postcode'] or '-'}, "
            f"beat {row['beat_code'] or '-'}"
        )
    if refusal:
        lines.append(f"  no finer match: {refusal} ({labels.get(refusal, '')})")
    return [*lines, *_evidence_lines(evidence, row)]


def _evidence_lines(evidence: dict[str, object], row: dict[str, object]) -> list[str]:
    lines: list[str] = []
    pattern = str(evidence.get("pattern", ""))
    if pattern:
        flags = dict(zip(FIELDS, pattern.split("|"), strict=False))
        lines.append("  evidence: " + "; ".join(f"{FLAG_WORDS[k]} {v}" for k, v in flags.items() if k in FLAG_WORDS))
    if "tried" in evidence:
        flags = dict(zip(FIELDS, str(evidence["tried"]).split("|"), strict=False))
        lines.append(
            "  finer level tried: " + "; ".join(f"{FLAG_WORDS[k]} {v}" for k, v in flags.items() if k in FLAG_WORDS)
        )
    roles = str(evidence.get("roles", ""))
    if roles:
        counted = {ROLE_WORDS.get(r, r): roles.count(r) for r in dict.fromkeys(roles) if r != "-"}
        lines.append(f"  tokens {roles}: " + ", ".join(f"{n} {word}" for word, n in counted.items()))
    alternatives = evidence.get("alternatives")
    if isinstance(alternatives, list):
        named = ", ".join(f"UPRN {u} ({d} points behind)" for u, d in alternatives)
        lines.append(f"  alternatives: {named}; margin {row['margin']}")
    for key in ("legacy", "anchor", "usrns", "beat_by_polygon", "label"):
        if key in evidence:
            lines.append(f"  {key.replace('_', ' ')}: {evidence[key]}")
    return lines
