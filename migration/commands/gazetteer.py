"""Compile, check and compare gazetteer releases."""

from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

from migration.errors import ConfigError
from migration.geocode.gazetteer.build import build_gazetteer
from migration.geocode.gazetteer.diff import diff_releases, located_changes
from migration.geocode.gazetteer.release import read_release, table_path
from migration.settings import get_settings

application = typer.Typer(help="Compile, check and compare gazetteer releases.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `migrate gazetteer build | check | diff`."""
    app.add_typer(application, name="gazetteer")


@application.command("build")
def build(
    source: Annotated[
        list[Path] | None,
        typer.Argument(help="Entry files (CSV, Parquet), junctions.csv, beats.geojson, or a folder of them."),
    ] = None,
    columns: Annotated[
        Path | None, typer.Option(help="Column map (YAML); columns.yml beside the files by default.")
    ] = None,
    release: Annotated[str, typer.Option(help="Name of the release; the configured one by default.")] = "",
) -> None:
    """Compile a gazetteer release from its files; the synthetic one where no file is named."""
    settings = get_settings()
    name = release or settings.gazetteer_release
    paths = source or [settings.estates / "gazetteer" / name]
    if not source and not paths[0].exists():
        fix = "Name the gazetteer's files, or run `migrate estate build` for the synthetic one."
        raise ConfigError("gazetteer sources", "none given", f"files, or a folder {paths[0]}", fix)
    manifest = build_gazetteer(settings, paths, columns, name)
    table = Table("table", "rows", title=f"Gazetteer {name}, {manifest.seconds:.1f} s")
    for key, rows in sorted(manifest.rows.items()):
        table.add_row(key, f"{rows:,}")
    Console().print(table)
    _print_issues(dict(manifest.issues))


@application.command("check")
def check(release: Annotated[str, typer.Argument(help="Compiled release.")] = "") -> None:
    """Show what is wrong with a compiled release: findings by rule, with the first UPRNs of each."""
    settings = get_settings()
    name = release or settings.gazetteer_release
    manifest = read_release(settings, name)
    _print_issues(dict(manifest.issues))
    issues = pq.read_table(table_path(settings, name, "issue")).to_pylist()
    for rule in sorted(manifest.issues):
        uprns = [str(i["uprn"]) for i in issues if i["rule"] == rule and i["uprn"] is not None][:5]
        if uprns:
            Console().print(f"{rule}: UPRN {', '.join(uprns)}")


@application.command("diff")
def diff(
    old: Annotated[str, typer.Argument(help="Compiled release in use.")],
    new: Annotated[str, typer.Argument(help="Compiled release to compare.")],
) -> None:
    """Compare two releases, and say what the change means for locations already matched."""
    settings = get_settings()
    table = Table("change", "entries", title=f"Gazetteer {old} → {new}")
    for change, count in diff_releases(settings, old, new).items():
        table.add_row(change, f"{count:,}")
    Console().print(table)
    effects = located_changes(settings, old, new)
    located = Table("division", "run", "effect on located records", "records", title="Located records")
    for effect in effects:
        located.add_row(effect.division, effect.run_id, effect.effect, f"{effect.records:,}")
    Console().print(located if effects else "No located records use the old release.")


def _print_issues(issues: dict[str, int]) -> None:
    table = Table("finding", "entries", title="Findings")
    for rule, count in sorted(issues.items()):
        table.add_row(rule, f"{count:,}")
    Console().print(table if issues else "No findings.")
