"""A run in one screen: dispositions, verdict, report, what to do next."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from migration.records import Phase, RunContext
from migration.runs import read_run
from migration.settings import get_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine


def register(app: typer.Typer) -> None:
    """Add `migrate show`."""
    app.command("show")(show)


def show(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
) -> None:
    """Show a run: dispositions, the gate's verdict and reasons, the report's path and the next commands."""
    from migration.load.engine import open_engine, upgrade_schema

    context = read_run(get_settings(), division.upper(), run_id or None)
    console = Console()
    console.print(f"[bold]Division {context.division}, {context.phase}, run {context.run_id}[/]")
    console.print(dispositions_table(context))
    engine = open_engine(context.settings)
    upgrade_schema(engine)
    verdict, criteria = gate_table(context, engine)
    engine.dispose()
    console.print(criteria)
    console.print(f"Verdict: [bold]{verdict or 'not evaluated'}[/]")
    report = context.report_folder / "report.html"
    console.print(f"Report:  {report if report.exists() else 'not written yet'}", soft_wrap=True)
    console.print("Next:", *next_commands(context), sep="\n  ", soft_wrap=True)


def dispositions_table(context: RunContext) -> Table:
    """Source records of a run by table, entity and outcome; the totals of the ledger."""
    from migration.duck import open_session, read_parquet_sql
    from migration.layers import layer_folder
    from migration.records import Disposition, Layer

    table = Table(title="Dispositions (source records)")
    table.add_column("source table > entity", no_wrap=True)
    path = layer_folder(context, Layer.MAPPED) / "disposition.parquet"
    if not path.exists():
        return table
    counts = ", ".join(f"count(*) FILTER (outcome = '{o.value}')" for o in Disposition)
    query = f"""
        SELECT coalesce(source_table, 'all'), coalesce(entity, ''), {counts}, count(*)
        FROM {read_parquet_sql(path)} GROUP BY GROUPING SETS ((source_table, entity), ())
        ORDER BY source_table IS NULL, source_table, entity
    """
    with open_session(context.settings) as connection:
        rows = connection.execute(query).fetchall()
    totals = rows[-1][2:]
    shown = [i for i, total in enumerate(totals) if total or i == len(totals) - 1]
    headings = [*(o.value.replace("_", " ").lower() for o in Disposition), "total"]
    for i in shown:
        table.add_column(headings[i], justify="right")
    for source, entity, *numbers in rows:
        table.add_row(f"{source} > {entity}" if entity else source, *(f"{numbers[i]:,}" for i in shown))
    return table


def gate_table(context: RunContext, engine: "Engine") -> tuple[str | None, Table]:
    """The run's worst verdict, and a table of its criteria, reds first."""
    import sqlalchemy as sa

    from migration.board import WORST_FIRST, worst_verdict
    from migration.schema.sql import table_of

    gate = table_of("gate")
    query = sa.select(gate.c.criterion_id, gate.c.verdict).where(
        gate.c.run_id == context.run_id, gate.c.division_code == context.division
    )
    with engine.connect() as connection:
        rows = [(r.criterion_id, r.verdict) for r in connection.execute(query)]
    table = Table("verdict", "criterion", title="Gate")
    for criterion, verdict in sorted(rows, key=lambda r: (WORST_FIRST.index(r[1]), r[0])):
        table.add_row(verdict, criterion)
    return worst_verdict([v for _, v in rows]), table


def next_commands(context: RunContext) -> list[str]:
    """What a person would do after this run."""
    letter = context.division
    explain = "migrate explain KEY              # where one legacy record went, and why"
    if context.phase is Phase.REHEARSAL:
        cutover = f'migrate run {letter} --phase cutover --reason "..."   # the run that can be signed and published'
        return [explain, "migrate status                   # all divisions", cutover]
    sign = f"migrate sign-off {letter} --role data_owner --person NAME --decision APPROVE --reason ..."
    lead = f"migrate sign-off {letter} --role rollout_lead --person NAME --decision APPROVE --reason ..."
    return [explain, sign, lead, f"migrate publish {letter} --person NAME"]
