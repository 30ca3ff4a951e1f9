"""Airflow on this machine: start it for a person, rehearse a division through it, list the pools it needs."""

import json
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from migration.errors import SourceError
from migration.local_airflow import DEFAULT_HOME, PROCESSES, USERS, LocalAirflow, free_port, rehearse, running
from migration.settings import get_settings

HomeOption = Annotated[Path, typer.Option(help="Folder of the local Airflow.")]


def register(app: typer.Typer) -> None:
    """Add `migrate airflow up|rehearse|pools`."""
    group = typer.Typer(help=__doc__, no_args_is_help=True)
    group.command("up")(up)
    group.command("rehearse")(rehearse_division)
    group.command("pools")(pools)
    app.add_typer(group, name="airflow")


def up(
    port: Annotated[int, typer.Option(help="Port of its pages.")] = 8080,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Start Airflow with every division's DAG and show its address and logins; Ctrl-C stops all of it."""
    console = Console()
    airflow = LocalAirflow(home.resolve(), port)
    console.print("Starting Airflow: a minute at the first start.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with running(airflow) as processes:
        console.print(_logins(airflow))
        console.print(f"Airflow: [bold]{airflow.address}[/]   logs: {airflow.log('').parent}", soft_wrap=True)
        console.print("Trigger a division's DAG as engineer; sign under Required Actions. Ctrl-C stops everything.")
        try:
            while all(process.poll() is None for process in processes):
                time.sleep(1)
        except KeyboardInterrupt:
            console.print("Stopping.")
            return
        ended = [name for name, process in zip(PROCESSES, processes, strict=True) if process.poll() is not None]
        fix = f"See {airflow.log(ended[0])}, then start again."
        raise SourceError("local Airflow", f"{', '.join(ended)} ended", "four running processes", fix)


def _logins(airflow: LocalAirflow) -> Table:
    table = Table("user", "password", "Airflow role", title="Logins")
    for user, password in airflow.passwords().items():
        table.add_row(user, password, USERS[user])
    return table


def rehearse_division(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the run's record.")] = "Rehearsal on this machine",
    sample: Annotated[int, typer.Option(help="Share of crime reports, in %.")] = 100,
    extract: Annotated[str, typer.Option(help="full, or delta: the last extract and what changed since.")] = "full",
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Run a division's rehearsal through its Airflow DAG, without starting Airflow's processes."""
    console = Console()
    airflow = LocalAirflow(home.resolve(), free_port())
    conf = {"phase": "rehearsal", "sample_percent": sample, "reason": reason, "extract": extract}
    console.print(
        f"Rehearsing division {division.upper()} through Airflow; log: {airflow.log('rehearse')}", soft_wrap=True
    )
    if not rehearse(airflow, division, conf, lambda task: console.print(f"  task {task}")):
        console.print("The DAG run ended in failure: a red gate, or a task's error in the log.")
        raise typer.Exit(1)


def pools() -> None:
    """Print the pools of the packs, as `airflow pools import` reads them."""
    from migration.pools import list_pools

    typer.echo(json.dumps(list_pools(get_settings()), indent=1))
