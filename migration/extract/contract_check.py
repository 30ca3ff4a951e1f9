"""The contract of a run: each table's extract compared with the one the division's last run took.

Enters: the finished `raw` layer of this run and of the newest earlier one of the same division and sample. Leaves:
`contract.json` in the run's report folder. Must hold: the same two layers are compared once. Refuses: structural
findings (`Severity.STOP`), unless the pack lists them under a table's option `accept_findings`.
"""

import json
from dataclasses import replace
from pathlib import Path

from migration.errors import QualityError
from migration.extract.contract import ContractReport, Finding, FindingName, Severity
from migration.extract.contract_compare import compare_extracts
from migration.extract.sources import TableSource, load_tables
from migration.layers import LayerManifest, find_manifest, layer_folder, read_manifest, write_json
from migration.records import Layer, RunContext

REPORT = "contract.json"


def find_last_run(context: RunContext) -> RunContext | None:
    """The newest earlier run of the division whose `raw` layer is finished and took the same sample, or None."""
    folder = context.settings.lake / context.division
    earlier = sorted((p.name for p in folder.glob("*") if p.name < context.run_id), reverse=True)
    for run_id in earlier:
        last = RunContext(context.settings, context.division, run_id)
        manifest = find_manifest(last, Layer.RAW)
        if manifest is not None and manifest.facts.get("sample_percent", 100) == context.sample_percent:
            return last
    return None


def check_contract(context: RunContext) -> dict[str, ContractReport]:
    """Compare the run's tables with the last run's; reports by `system.table`, none where there is no earlier run.

    Raises:
        QualityError: a finding forbids mapping; all of them are named with their figures.
        SourceError: the run's `raw` layer is not there.
    """
    last = find_last_run(context)
    if last is None:
        return {}
    manifests = read_manifest(last, Layer.RAW), read_manifest(context, Layer.RAW)
    compared = {"old": manifests[0].content_hash, "new": manifests[1].content_hash, "last_run": last.run_id}
    path = context.report_folder / REPORT
    if path.exists() and json.loads(path.read_text(encoding="utf-8"))["compared"] == compared:
        return _stop_or_return(context, _read_reports(path))
    reports = {s.where: r for s in load_tables(context) if (r := _compare_table(context, last, s, manifests))}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"compared": compared, "tables": {name: report.facts() for name, report in reports.items()}})
    return _stop_or_return(context, reports)


def _compare_table(
    context: RunContext, last: RunContext, source: TableSource, manifests: tuple[LayerManifest, LayerManifest]
) -> ContractReport | None:
    name = f"{source.system.name}/{source.table.name}"
    old, new = ({t.name: t for t in m.tables}.get(name) for m in manifests)
    if old is None or new is None or not source.table.key:
        return None
    paths = [layer_folder(run, Layer.RAW) / t.path for run, t in ((last, old), (context, new))]
    report = compare_extracts(context.settings, paths[0], paths[1], source.table.key)
    return replace(report, findings=(*report.findings, *_find_files_gone(source, manifests)))


def _find_files_gone(source: TableSource, manifests: tuple[LayerManifest, LayerManifest]) -> list[Finding]:
    """A warning where fewer files were delivered than last time: a share of the records may be missing with them."""
    old, new = (_count_files(m, source.where) for m in manifests)
    return [Finding(FindingName.FILES_GONE, Severity.WARN, old - new, old)] if new < old else []


def _count_files(manifest: LayerManifest, where: str) -> int:
    """Files a table was read from; none of a database."""
    described = manifest.facts.get("source")
    files = described.get(where, {}).get("files", {}) if isinstance(described, dict) else {}
    return len(files)


def _read_reports(path: Path) -> dict[str, ContractReport]:
    raw = json.loads(path.read_text(encoding="utf-8"))["tables"]
    return {name: _read_report(facts) for name, facts in raw.items()}


def _read_report(facts: dict[str, object]) -> ContractReport:
    found = facts["findings"]
    findings = tuple(
        Finding(FindingName(f["name"]), Severity(f["severity"]), f["count"], f["base"], f["column"])
        for f in (found if isinstance(found, list) else [])
    )
    counts = {k: int(str(v)) for k, v in facts.items() if k != "findings"}
    return ContractReport(**counts, findings=findings)


def read_contract(context: RunContext) -> dict[str, ContractReport]:
    """What the last comparison of a run found, stops included; none where it was not made."""
    path = context.report_folder / REPORT
    return _read_reports(path) if path.exists() else {}


def _stop_or_return(context: RunContext, reports: dict[str, ContractReport]) -> dict[str, ContractReport]:
    accepted = {s.where: _accepted(s) for s in load_tables(context)}
    stops = [f"{name}: {f}" for name, r in reports.items() for f in r.stops if f.name not in accepted.get(name, set())]
    if stops:
        raise QualityError(
            f"contract of division {context.division}, run {context.run_id}",
            "; ".join(stops),
            "an extract like the last run's",
            f"Ask the system's owner before going on. The figures are in {REPORT} of the run's report folder. What is "
            "right is listed under `accept_findings` of the table's options, with the reason in the commit.",
        )
    return reports


def _accepted(source: TableSource) -> set[str]:
    value = source.option("accept_findings")
    return {str(v) for v in value} if isinstance(value, list | tuple) else set()
