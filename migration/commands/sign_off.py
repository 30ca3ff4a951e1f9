"""A person's decision on a run, bound to the evidence as it is now."""

from typing import Annotated

import typer
from rich.console import Console

from migration.runs import read_run
from migration.settings import get_settings


def register(app: typer.Typer) -> None:
    """Add `migrate sign-off`."""
    app.command("sign-off")(sign_off)


def sign_off(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    role: Annotated[str, typer.Option(help="data_owner, then rollout_lead.")],
    person: Annotated[str, typer.Option(help="Who decides.")],
    decision: Annotated[str, typer.Option(help="APPROVE or REFUSE.")],
    reason: Annotated[str, typer.Option(help="Why; name rules and counts, never a person.")] = "",
    run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
) -> None:
    """Record the decision of the data owner or the rollout lead on a cutover run."""
    from migration.cutover.signoff import record_sign_off
    from migration.load.engine import open_engine, upgrade_schema

    context = read_run(get_settings(), division.upper(), run_id or None)
    engine = open_engine(context.settings)
    upgrade_schema(engine)
    signed = record_sign_off(engine, context, role, person, decision.upper(), reason or None)
    engine.dispose()
    text = f"{signed.decision} by the {signed.role} recorded for run {context.run_id}, evidence {signed.evidence_hash}"
    Console().print(text, soft_wrap=True)
