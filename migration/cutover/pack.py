"""The evidence pack: everything a decision on a run rests on, in one file that anyone can check.

Enters: a run whose gate was evaluated. Leaves: `evidence-<division>-<run>.zip` in its report folder: a page a board
member can read, the run report, and the control tables as CSV; with the SHA-256 of each in `SHA256SUMS`. Must hold:
the same evidence gives the same bytes; every number on the page is in one of the tables. Refuses: a run without a
gate, and (on checking) a file whose content is not what its sums say.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from migration.cutover.verdicts import Verdict, worst
from migration.errors import CutoverError, SourceError
from migration.load.evidence import gates_path, hash_evidence, read_evidence
from migration.load.permission import read_permission
from migration.records import RunContext
from migration.schema.sql import table_of

TEMPLATES = Path(__file__).resolve().parent / "templates"
SUMS = "SHA256SUMS"
FIXED_TIME = (1980, 1, 1, 0, 0, 0)
"""Time of every entry of the file: its own times would make two packs of one evidence differ."""
TABLES = ("migration_run", "manifest", "staged_table", "control_total", "dq_result", "gate", "sign_off")
"""Control tables that go in whole, for the run."""
VOLATILE = frozenset({"evaluated_at_utc", "staged_at_utc", "ended_at_utc", "outcome"})
"""Columns that say when something was computed again, not what came out."""


def write_pack(context: RunContext, engine: sa.Engine) -> Path:
    """Write the evidence pack of a run; returns its path.

    Raises:
        CutoverError: the run's gate was not evaluated.
    """
    files = collect_files(context, engine)
    sums = "".join(f"{_sha256(content)}  {name}\n" for name, content in sorted(files.items()))
    path = context.report_folder / f"evidence-{context.division}-{context.run_id}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.writing")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in [*sorted(files.items()), (SUMS, sums.encode())]:
            entry = zipfile.ZipInfo(name, FIXED_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    temporary.replace(path)
    return path


def check_pack(path: Path) -> int:
    """Compare every file of a pack with its sums; returns how many there are.

    Raises:
        SourceError: the pack cannot be read, or a file is missing, added or changed; names it.
    """
    fix = "Take the pack again with `migrate evidence`; do not use this one."
    try:
        with zipfile.ZipFile(path) as archive:
            content = {name: archive.read(name) for name in archive.namelist()}
        lines = content.pop(SUMS).decode().splitlines()
    except (OSError, KeyError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise SourceError(str(path), "no readable pack", "an evidence pack", fix) from error
    expected = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    wrong = sorted(set(expected) ^ set(content))
    wrong += sorted(name for name in set(expected) & set(content) if _sha256(content[name]) != expected[name])
    if wrong:
        raise SourceError(str(path), f"files that are not as packed: {', '.join(wrong)}", "unchanged files", fix)
    return len(content)


def collect_files(context: RunContext, engine: sa.Engine) -> dict[str, bytes]:
    """The files of a pack by name."""
    with engine.connect() as connection:
        tables = {name: _read_table(connection, name, context) for name in TABLES}
        tables["waiver"] = _read_waivers(connection, context)
        tables["disposition_totals"] = _read_totals(connection, context)
        parts = read_evidence(connection, context)
        permission = read_permission(connection, context)
    if not tables["gate"]:
        fix = f"Run `migrate gate {context.division} --run-id {context.run_id}`."
        raise CutoverError(f"evidence of run {context.run_id}", "no gate", "an evaluated gate", fix)
    summary = {
        "division": context.division,
        "run_id": context.run_id,
        "phase": context.phase.value,
        "sample_percent": context.sample_percent,
        "security_marking": context.settings.security_marking,
        "verdict": worst(Verdict(row["verdict"]) for row in tables["gate"]).value,
        "evidence_hash": hash_evidence(parts),
        "evidence": [part.__dict__ for part in parts],
        "stands_against_publishing": list(permission.problems),
    }
    files = {f"tables/{name}.csv": _to_csv(rows) for name, rows in tables.items()}
    files["evidence.json"] = json.dumps(summary, indent=1, sort_keys=True).encode() + b"\n"
    files["gates.yml"] = gates_path(context.settings).read_bytes()
    files["index.html"] = _render_page(summary, tables).encode()
    return files


def _read_table(connection: sa.Connection, name: str, context: RunContext) -> list[dict[str, Any]]:
    table = table_of(name)
    columns = [column for column in table.columns if column.name not in VOLATILE]
    query = (
        sa.select(*columns)
        .where(table.c.run_id == context.run_id, table.c.division_code == context.division)
        .order_by(*(c for c in table.primary_key.columns))
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _read_waivers(connection: sa.Connection, context: RunContext) -> list[dict[str, Any]]:
    table = table_of("waiver")
    query = sa.select(table).where(table.c.division_code == context.division).order_by(table.c.waiver_id)
    return [dict(row) for row in connection.execute(query).mappings()]


def _read_totals(connection: sa.Connection, context: RunContext) -> list[dict[str, Any]]:
    """Dispositions by source table, entity and outcome; the ledger itself stays in the database."""
    table = table_of("disposition")
    group = (table.c.source_system, table.c.source_table, table.c.entity, table.c.outcome)
    query = (
        sa.select(*group, sa.func.count().label("records"))
        .where(table.c.run_id == context.run_id, table.c.division_code == context.division)
        .group_by(*group)
        .order_by(*group)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _to_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: _as_text(v) for k, v in row.items()})
    return text.getvalue().encode()


def _as_text(value: object) -> object:
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _render_page(summary: Mapping[str, Any], tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    order = [verdict.value for verdict in reversed(Verdict)]
    gate = sorted(tables["gate"], key=lambda row: (order.index(row["verdict"]), row["criterion_id"]))
    totals: dict[str, int] = {}
    for row in tables["disposition_totals"]:
        totals[row["outcome"]] = totals.get(row["outcome"], 0) + int(row["records"])
    page = environment.get_template("evidence.html")
    return page.render(
        summary=summary,
        gate=gate,
        totals=totals,
        waivers=tables["waiver"],
        sign_offs=sorted(tables["sign_off"], key=lambda row: row["decided_at_utc"]),
        run=tables["migration_run"][0] if tables["migration_run"] else {},
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
