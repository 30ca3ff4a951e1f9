"""Build the synthetic legacy estates and the gazetteer they use, with known truth."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from migration.errors import ConfigError
from migration.settings import get_settings

DEFAULT_SEED = 1
SCALES: dict[str, float | None] = {"small": None, "tiny": 0.0003, "full": 1.0}
"""Named scales: the demo's, the tests', a division's full volume."""


def register(app: typer.Typer) -> None:
    """Add `migrate estate build`."""
    group = typer.Typer(help=__doc__, no_args_is_help=True)
    group.callback()(estate)
    group.command("build")(build)
    app.add_typer(group, name="estate")


def estate() -> None:
    """Build the synthetic legacy estates and the gazetteer they use, with known truth."""


def build(
    family: Annotated[
        list[str] | None, typer.Option(help="Family to build; repeat for several. All by default.")
    ] = None,
    scale: Annotated[
        str, typer.Option(help="small (demo), tiny, full, or a share of full volume such as 0.01.")
    ] = "small",
    seed: Annotated[int, typer.Option(help="Everything drawn depends on it.")] = DEFAULT_SEED,
) -> None:
    """Build SYNTHETIC legacy systems, truth files and a gazetteer release under MIGRATION_HOME/estates."""
    from migration.synthetic.build import build_estate

    settings = get_settings()
    table = Table("family", "rows", "seconds", "folder", title="SYNTHETIC estates")
    for result in build_estate(settings, family, parse_scale(scale), seed):
        table.add_row(result.family, f"{sum(result.rows.values()):,}", f"{result.seconds:.1f}", str(result.folder))
    Console().print(table)


def parse_scale(text: str) -> float | None:
    """A named scale or a number; None is the demo's.

    Raises:
        ConfigError: it is neither.
    """
    if text in SCALES:
        return SCALES[text]
    try:
        return float(text)
    except ValueError as error:
        expected = f"{', '.join(SCALES)} or a number"
        raise ConfigError("estate scale", f"{text!r}", expected, "Give --scale small, or 0.01.") from error
