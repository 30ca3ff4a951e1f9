"""Link a division's nominals or any table of people; evaluate links; list pairs to review."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.console import Console
from rich.table import Table

from migration.commands.explain import explain as explain_group
from migration.commands.groups import DefaultCommandGroup
from migration.commands.run import timing_table
from migration.dedupe.evaluation import Evaluation, Figure
from migration.dedupe.files import FileResult, join_table, kept_set, link_records, write_result
from migration.dedupe.grouped import evaluate_labels, evaluate_run, threshold_curve
from migration.dedupe.inspection import explain_golden, explain_nominals, read_links
from migration.dedupe.judgements import judged_pairs
from migration.dedupe.lineage import lineage_feed, write_feed
from migration.dedupe.linked_set import load_linked_set, save_linked_set
from migration.dedupe.model import Model, read_model, write_model
from migration.dedupe.national_training import (
    choose_national_threshold,
    national_report_lines,
    read_truth,
    train_national,
    training_notes,
)
from migration.dedupe.review import review_queue
from migration.dedupe.roles import read_records, read_roles
from migration.dedupe.stage import run_time
from migration.dedupe.thresholds import choose_thresholds, put_evidence, report_facts, report_lines
from migration.dedupe.waterfall import draw_waterfall
from migration.errors import ConfigError
from migration.layers import write_json
from migration.records import Layer, RunContext, Stage
from migration.runner import run_stage
from migration.runs import list_runs, read_run
from migration.settings import Settings, get_settings

dedupe = typer.Typer(cls=DefaultCommandGroup, help=__doc__, no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `migrate dedupe` with its verbs, and `migrate explain nominal`."""
    app.add_typer(dedupe, name="dedupe")
    explain_group.command("nominal")(explain_nominal)


@dedupe.command("division")
def division_stage(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
) -> None:
    """Run the stage dedupe of a division's latest run (or of --run-id). `migrate dedupe D` is the same."""
    context = read_run(get_settings(), division.upper(), run_id or None)
    Console().print(timing_table([run_stage(context, Stage.DEDUPE)]))


@dedupe.command("file")
def file(
    people: Annotated[Path, typer.Argument(help="Table of people: Parquet or CSV.")],
    columns: Annotated[Path, typer.Option(help="Roles of its columns (YAML); see migration/dedupe/README.md.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    model: Annotated[
        Path | None, typer.Option(help="Linkage model (JSON); learned from the table if left out.")
    ] = None,
    truth: Annotated[str, typer.Option(help="Column with the true person: adds an evaluation.")] = "",
    keep: Annotated[
        Path | None, typer.Option(help="Folder to keep the linked set in, for `migrate dedupe join`.")
    ] = None,
) -> None:
    """Link any table of people: clusters, scored pairs with evidence, the model and a report."""
    records, answer = read_records(people, read_roles(columns), truth)
    result = link_records(records, get_settings().threads, read_model(model) if model else None, answer)
    write_result(result, out)
    if keep:
        save_linked_set(kept_set(result), keep)
    Console().print(_summary(result))
    if result.evaluation:
        Console().print(evaluation_table(result.evaluation, "Against the truth"))


@dedupe.command("join")
def join(
    people: Annotated[Path, typer.Argument(help="Table of the people who join: Parquet or CSV.")],
    columns: Annotated[Path, typer.Option(help="Roles of its columns (YAML), as of the set's own table.")],
    linked: Annotated[Path, typer.Option("--set", help="Folder of the linked set (`migrate dedupe file --keep`).")],
    out: Annotated[Path, typer.Option(help="Folder to write: clusters of all records, pairs of those who join.")],
) -> None:
    """Link more people into a linked set, and keep the set with them; the result is that of linking all at once."""
    records, _ = read_records(people, read_roles(columns))
    result, joined = join_table(load_linked_set(linked), records, get_settings().threads)
    write_result(result, out)
    save_linked_set(joined, linked)
    Console().print(_summary(result))


@dedupe.command("thresholds")
def thresholds(
    people: Annotated[Path, typer.Argument(help="Table of people with a column that holds the true person.")],
    columns: Annotated[Path, typer.Option(help="Roles of its columns (YAML), one of them `truth`.")],
    out: Annotated[Path, typer.Option(help="Folder for thresholds.md and thresholds.json.")],
    model: Annotated[
        Path | None, typer.Option(help="Linkage model (JSON); learned from each half if left out.")
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="Also put the report into this file, in place of its section with that title.")
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the report; the table's name where left out.")] = "",
) -> None:
    """Choose the joining threshold on half of the labelled people, report it on the other half, write the evidence."""
    records, answer = read_records(people, read_roles(columns))
    if answer is None:
        raise ConfigError(f"roles file {columns.name}", "no column with role truth", "one", "Name the true person.")
    report = choose_thresholds(records, answer, get_settings().threads, read_model(model) if model else None)
    out.mkdir(parents=True, exist_ok=True)
    lines = report_lines(report, title or people.stem)
    if evidence is not None:
        put_evidence(evidence, lines)
    (out / "thresholds.md").write_text("\n".join(lines), encoding="utf-8")
    write_json(out / "thresholds.json", report_facts(report))
    Console().print("\n".join(lines), highlight=False)


@dedupe.command("train")
def train(
    out: Annotated[Path, typer.Option(help="Model to write, e.g. mappings/national/linkage-model.json.")],
    source: Annotated[str, typer.Option(help="What the runs are, for the model's notes; no personal values.")],
    truth: Annotated[
        list[Path] | None, typer.Option(help="person_id by nominal_id or source key; repeat for several.")
    ] = None,
    judge: Annotated[
        Path | None, typer.Option(help="Learn nothing: write only the figures of this model, beside --out.")
    ] = None,
) -> None:
    """Learn the national model from the latest run of every division; with truth, choose its threshold and report."""
    settings = get_settings()
    runs = latest_runs(settings, Layer.LOCATED)
    as_of = max(run_time(r.run_id) for r in runs).date()
    answer = read_truth(runs, truth) if truth else {}
    if judge is not None:
        lines = _judge_model(runs, read_model(judge), as_of, answer, source)
        out.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return
    model, records = train_national(runs, read_model())
    report = choose_national_threshold(runs, model, as_of, answer) if answer else None
    cohesion = report.chosen if report else model.thresholds.cohesion
    notes = training_notes(records, len(runs), source, as_of, report)
    model = replace(model, thresholds=replace(model.thresholds, cohesion=cohesion), notes=tuple(notes))
    write_model(model, out)
    lines = national_report_lines(model, report) if report else list(model.notes)
    out.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    Console().print("\n".join(lines), highlight=False)


def _judge_model(runs: list[RunContext], model: Model, as_of: date, answer: dict[str, str], source: str) -> list[str]:
    """Figures of a model as it is, as lines of Markdown."""
    if not answer:
        raise ConfigError("dedupe train --judge", "no truth", "files that say who is who", "Give --truth.")
    report = choose_national_threshold(runs, model, as_of, answer)
    title, *lines = national_report_lines(model, report)
    return [title, "", f"{len(answer):,} nominals with truth, of {len(runs)} divisions: {source}.", *lines]


@dedupe.command("lineage")
def lineage(
    out: Annotated[Path, typer.Option(help="File to write: .parquet or .csv.")],
    since: Annotated[datetime | None, typer.Option(help="Only changes from this moment (UTC).")] = None,
) -> None:
    """Write the feed of golden ids (created, merged, split, changed, retired) from the national database's history."""
    from migration.load.engine import open_engine

    engine = open_engine(get_settings())
    query = "SELECT nominal_id, golden_id, valid_from_utc, valid_to_utc, cause_run_id FROM control.golden_history"
    with engine.connect() as connection:
        rows = connection.execute(sa.text(query)).mappings().all()
    engine.dispose()
    feed = lineage_feed([dict(r) for r in rows], since.replace(tzinfo=UTC) if since else None)
    write_feed(feed, out)
    Console().print(f"{feed.num_rows:,} changes of golden ids written to {out.name}")


def _summary(result: FileResult) -> str:
    return (
        f"{len(result.matrix):,} records, {len(set(result.golden.to_pylist())):,} people; "
        f"{result.candidates.compared:,} pairs compared in {result.seconds:.1f} s, model {result.model.version}"
    )


def evaluation_table(evaluation: Evaluation, title: str) -> Table:
    """Figures of an evaluation with their intervals."""
    table = Table("figure", "value", "95 % interval", title=title)
    for name, figure in vars(evaluation).items():
        if isinstance(figure, Figure):
            table.add_row(name.replace("_", " "), f"{figure.value:.4f}", f"{figure.low:.4f} to {figure.high:.4f}")
        else:
            table.add_row(name.replace("_", " "), f"{figure:,}", "")
    return table


@dedupe.command("evaluate")
def evaluate(
    division: Annotated[str, typer.Argument(help="Division letter: its latest run.")],
    truth: Annotated[
        Path | None, typer.Option(help="Parquet or CSV with nominal_id and person_id; review labels where left out.")
    ] = None,
    run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
) -> None:
    """Figures of a run's links: whole, by division, sex and age band, and by threshold; or by review labels."""
    context = read_run(get_settings(), division.upper(), run_id or None)
    console = Console()
    if truth is None:
        console.print(_label_table(context))
        return
    for title, figures in evaluate_run(context, truth).items():
        console.print(evaluation_table(figures, title))
    curve = Table("score at least", "pairs", "precision", "recall of compared pairs", title="Threshold curve")
    for point in threshold_curve(context, truth):
        curve.add_row(f"{point.score:.0f}", f"{point.pairs:,}", f"{point.precision:.4f}", f"{point.recall:.4f}")
    console.print(curve)


def _label_table(context: RunContext) -> Table:
    from migration.load.engine import open_engine
    from migration.load.judgements import read_judgements

    engine = open_engine(context.settings)
    labels = evaluate_labels(read_links(context), read_judgements(engine))
    engine.dispose()
    table = Table("figure", "value", "95 % interval", title="Against the open judgements")
    for name, (value, low, high) in (("precision", labels.precision), ("recall", labels.recall)):
        table.add_row(name, f"{value:.4f}", f"{low:.4f} to {high:.4f}")
    return table


@dedupe.command("review")
def review(
    division: Annotated[str, typer.Argument(help="Division letter: its latest run.")],
    limit: Annotated[int, typer.Option(help="Pairs to list.")] = 20,
    run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
) -> None:
    """Pairs for a person to judge, the most valuable first. Blind: no score, no band; none that is answered."""
    from migration.load.engine import open_engine
    from migration.load.judgements import read_judgements

    context = read_run(get_settings(), division.upper(), run_id or None)
    engine = open_engine(context.settings)
    judged = judged_pairs(read_judgements(engine))
    engine.dispose()
    table = Table("left nominal", "right nominal", "why it is asked")
    for item in review_queue(context, limit, judged):
        table.add_row(item.left_nominal_id, item.right_nominal_id, item.why)
    Console().print(table)


def explain_nominal(
    left: Annotated[str, typer.Argument(help="Nominal id, or a golden id alone.")],
    right: Annotated[str, typer.Argument(help="The other nominal id.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Also write the waterfall here (SVG).")] = None,
) -> None:
    """Why two nominals are one person or not, or what holds a golden nominal together and what it refused."""
    settings = get_settings()
    runs = latest_runs(settings, Layer.LINKED)
    console = Console()
    if not right:
        for line in explain_golden(runs, left):
            console.print(line, highlight=False)
        return
    explanation = explain_nominals(runs, left, right)
    console.print(explanation.to_json() if as_json else explanation.to_text(), highlight=False)
    if svg:
        svg.write_text(draw_waterfall(explanation), encoding="utf-8")


def latest_runs(settings: Settings, layer: Layer) -> list[RunContext]:
    """The latest run of every division that has reached a layer.

    Raises:
        ConfigError: no run has reached it yet.
    """
    found = []
    for folder in sorted(p for p in settings.lake.glob("*") if p.is_dir()):
        there = [r for r in list_runs(settings, folder.name) if (r.context(settings).folder / layer.value).exists()]
        if there:
            found.append(max(there, key=lambda r: r.run_id).context(settings))
    if not found:
        raise ConfigError("runs", f"none with layer {layer.value}", "one", "Run `migrate run DIVISION` first.")
    return found
