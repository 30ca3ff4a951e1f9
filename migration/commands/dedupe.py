"""Link a division's nominals or any table of people; evaluate links; list pairs to review."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from migration.commands.explain import explain as explain_group
from migration.commands.groups import DefaultCommandGroup
from migration.commands.run import timing_table
from migration.dedupe.evaluation import Evaluation, Figure
from migration.dedupe.files import FileResult, link_records, write_result
from migration.dedupe.grouped import evaluate_labels, evaluate_run, threshold_curve
from migration.dedupe.inspection import explain_golden, explain_nominals, read_links
from migration.dedupe.model import read_model
from migration.dedupe.review import review_queue
from migration.dedupe.roles import read_records, read_roles
from migration.dedupe.waterfall import draw_waterfall
from migration.errors import ConfigError
from migration.records import RunContext, Stage
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
) -> None:
    """Link any table of people: clusters, scored pairs with evidence, the model and a report."""
    records, answer = read_records(people, read_roles(columns), truth)
    result = link_records(records, get_settings().threads, read_model(model) if model else None, answer)
    write_result(result, out)
    Console().print(_summary(result))
    if result.evaluation:
        Console().print(evaluation_table(result.evaluation, "Against the truth"))


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
    """Pairs for a person to judge, the most valuable first. Blind: no score, no band."""
    context = read_run(get_settings(), division.upper(), run_id or None)
    table = Table("left nominal", "right nominal", "why it is asked")
    for item in review_queue(context, limit):
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
    runs = latest_linked_runs(settings)
    console = Console()
    if not right:
        for line in explain_golden(runs, left):
            console.print(line, highlight=False)
        return
    explanation = explain_nominals(runs, left, right)
    console.print(explanation.to_json() if as_json else explanation.to_text(), highlight=False)
    if svg:
        svg.write_text(draw_waterfall(explanation), encoding="utf-8")


def latest_linked_runs(settings: Settings) -> list[RunContext]:
    """The latest run of every division that has been linked.

    Raises:
        ConfigError: no run has been linked yet.
    """
    found = []
    for folder in sorted(p for p in settings.lake.glob("*") if p.is_dir()):
        linked = [r for r in list_runs(settings, folder.name) if (r.context(settings).folder / "linked").exists()]
        if linked:
            found.append(max(linked, key=lambda r: r.run_id).context(settings))
    if not found:
        raise ConfigError("explain", "no linked run", "one", "Run `migrate run DIVISION` first.")
    return found
