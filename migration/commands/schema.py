"""What is computed from the national schema."""

import typer
from rich.console import Console

schema = typer.Typer(help="The national schema and what is computed from it.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `migrate schema`."""
    app.add_typer(schema, name="schema")


@schema.command("docs")
def write_docs() -> None:
    """Write the data dictionary, migration/schema/README.md, again from national.yml."""
    from migration.schema.docs import DICTIONARY, render_dictionary
    from migration.schema.model import load_schema

    DICTIONARY.write_text(render_dictionary(load_schema()), encoding="utf-8")
    Console().print(f"Written: {DICTIONARY}", soft_wrap=True)


@schema.command("sql")
def show_sql() -> None:
    """Print the PostgreSQL statements of the national schema."""
    from migration.schema.sql import create_statements, national_metadata

    for statement in create_statements(national_metadata()):
        typer.echo(statement.strip() + ";\n")
