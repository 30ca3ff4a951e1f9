"""SCRS audit samples: draw the sheets, read them back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from migration.runs import read_run
from migration.settings import get_settings

if TYPE_CHECKING:
    from migration.quality.scrs import Sample, ScrsTest

scrs = typer.Typer(help="Samples for the SCRS audit: Test 1, Test 2 and No Crime.", no_args_is_help=True)
Division = Annotated[str, typer.Argument(help="Division letter.")]
RunId = Annotated[str, typer.Option(help="Run; the division's latest where left out.")]
Seed = Annotated[int, typer.Option(help="The same seed draws the same sample.")]
Margin = Annotated[float, typer.Option(help="Wanted margin of error, as a share.")]


def register(app: typer.Typer) -> None:
    """Add `migrate scrs`."""
    app.add_typer(scrs, name="scrs")


def draw_all(division: str, run_id: str, seed: int, margin: float) -> "dict[ScrsTest, tuple[Sample, Path]]":
    """The three samples of a run, each with the path of its sheet."""
    from migration.quality.scrs import ScrsTest, draw_sample

    context = read_run(get_settings(), division.upper(), run_id or None)
    folder = context.report_folder / "scrs"
    folder.mkdir(parents=True, exist_ok=True)
    samples = {}
    for test in ScrsTest:
        sample = draw_sample(context, test, seed, margin)
        samples[test] = (sample, folder / f"{test.value} {sample.sample_id} {context.settings.security_marking}.csv")
    return samples


@scrs.command("draw")
def draw(division: Division, run_id: RunId = "", seed: Seed = 1, margin: Margin = 0.03) -> None:
    """Draw the samples of a run and write a sheet for each test, to be filled in by an auditor."""
    from migration.quality.scrs import write_sheet

    table = Table("test", "sheet", title="SCRS samples")
    table.add_column("records", justify="right")
    table.add_column("to check", justify="right")
    for test, (sample, path) in draw_all(division, run_id, seed, margin).items():
        if not path.exists():
            write_sheet(sample, path)
        table.add_row(test.value, str(path), f"{sample.population:,}", f"{len(sample.keys):,}")
    Console().print(table)


@scrs.command("read")
def read(division: Division, run_id: RunId = "", seed: Seed = 1, margin: Margin = 0.03) -> None:
    """Read the filled-in sheets of a run's samples: compliance with its interval, against 95 %."""
    from migration.quality.scrs import read_sheet

    table = Table("test", "checked", "compliant", "share", "interval (95 %)", "verdict", title="SCRS compliance")
    failed = False
    for test, (sample, path) in draw_all(division, run_id, seed, margin).items():
        if not path.exists() or not sample.keys:
            table.add_row(test.value, "-", "-", "-", "-", "no sheet" if sample.keys else "no records to draw from")
            continue
        result = read_sheet(sample, path)
        interval = f"{100 * result.lower:.1f} to {100 * result.upper:.1f} %"
        share = f"{100 * result.share:.2f} %"
        table.add_row(test.value, str(result.checked), str(result.compliant), share, interval, result.verdict)
        failed = failed or not result.verdict.startswith("meets")
    Console().print(table)
    if failed:
        raise typer.Exit(1)
