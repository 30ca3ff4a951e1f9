"""The national database: start, stop, status."""

import typer
from rich.console import Console
from rich.table import Table

from migration.settings import get_settings

db = typer.Typer(help="The national database: start, stop, status.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `migrate db`."""
    app.add_typer(db, name="db")


@db.command("start")
def start() -> None:
    """Start the embedded server (or reach the one MIGRATION_DATABASE_URL names) and bring the schema up to date."""
    from migration.load.engine import open_engine, upgrade_schema

    engine = open_engine(get_settings())
    upgrade_schema(engine)
    Console().print(f"Ready: {engine.url.render_as_string(hide_password=True)}", soft_wrap=True)
    engine.dispose()


@db.command("stop")
def stop() -> None:
    """Stop the embedded server. A server that MIGRATION_DATABASE_URL names is never stopped."""
    from migration.load.embedded import stop_server

    settings = get_settings()
    if settings.database_url.get_secret_value():
        Console().print("MIGRATION_DATABASE_URL names the server; it is not ours to stop.")
        return
    Console().print("Stopped." if stop_server(settings.home) else "It was not running.")


@db.command("status")
def show_status() -> None:
    """Show where the database is, what it holds, and whether its processing log is intact. Starts nothing."""
    from migration.load.embedded import find_server

    settings = get_settings()
    if not settings.database_url.get_secret_value() and find_server(settings.home) is None:
        Console().print(f"The embedded server of {settings.home} is not running: migrate db start", soft_wrap=True)
        raise typer.Exit(1)
    Console().print(_status_table())


def _status_table() -> Table:
    from migration.load.content import national_content_hash
    from migration.load.engine import open_engine, upgrade_schema
    from migration.load.processing_log import verify_chain
    from migration.load.publications import published_runs

    engine = open_engine(get_settings())
    upgrade_schema(engine)
    chain = verify_chain(engine)
    log = f"{chain.entries:,} entries, intact" if chain.is_intact else f"broken at entry {chain.first_broken}"
    table = Table("what", "value", title="National database")
    table.add_row("server", engine.url.render_as_string(hide_password=True))
    runs = ", ".join(f"{run.division} ({run.run_id})" for run in published_runs(engine))
    table.add_row("national now", runs or "nothing")
    table.add_row("content hash", national_content_hash(engine))
    table.add_row("processing log", log)
    engine.dispose()
    return table
