"""Waive a failing rule for a division: up to a cap of rows, until a day, by somebody who answers for it."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from migration.commands.issues import national_connection


def register(app: typer.Typer) -> None:
    """Add `migrate waive`."""
    app.command("waive")(waive)


def waive(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    rule: Annotated[str, typer.Argument(help="Rule, or gate.<criterion>.")],
    cap: Annotated[int, typer.Option(help="Most failing rows it covers; it shrinks as records are repaired.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Last day, at most half a year away.")],
    by: Annotated[str, typer.Option(help="Role and name of who answers for it.")],
    reason: Annotated[str, typer.Option(help="Why; no personal values.")],
) -> None:
    """Waive a rule: its failing rows count as decided, never as passed. The gate turns amber at best."""
    from migration.quality.waivers import grant_waiver

    with national_connection() as connection:
        waiver = grant_waiver(
            connection,
            division.upper(),
            rule,
            reason=reason,
            granted_by=by,
            granted_at=datetime.now(UTC).replace(microsecond=0),
            expires_on=until.date(),
            cap_rows=cap,
        )
    Console().print(
        f"Waiver {waiver.waiver_id}: {rule} of division {waiver.division}, {waiver.cap_rows:,} rows until "
        f"{waiver.expires_on}. Run `migrate gate {waiver.division}` again.",
        soft_wrap=True,
    )
