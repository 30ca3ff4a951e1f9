"""Geocode a division or any table; report, calibrate, and record reviewers' decisions."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from migration.commands.explain import explain as explain_group
from migration.commands.groups import DefaultCommandGroup
from migration.commands.run import timing_table
from migration.geocode.aliases import aliases_path, derive_alias, find_alias_conflicts, read_aliases, record_alias
from migration.geocode.calibrate import calibrate, evaluate, merge_counts, read_labels
from migration.geocode.confidence import CALIBRATION_FILE, build_calibration, read_counts, write_counts
from migration.geocode.explain import explain_location
from migration.geocode.file import geocode_file, read_roles
from migration.geocode.gazetteer.index import load_gazetteer
from migration.geocode.learn import Decision, decisions_path, find_conflicts, read_decisions, record_decision, text_key
from migration.geocode.match import Matcher
from migration.geocode.report import write_file_report, write_run_report
from migration.records import Stage
from migration.runner import run_stage
from migration.runs import read_run
from migration.settings import get_settings

geocode = typer.Typer(cls=DefaultCommandGroup, help=__doc__, no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `migrate geocode` with its verbs, and `migrate explain location`."""
    app.add_typer(geocode, name="geocode")
    explain_group.command("location")(explain)


@geocode.command("division")
def division_stage(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
) -> None:
    """Run the stage geocode of a division's latest run (or of --run-id). `migrate geocode D` is the same."""
    context = read_run(get_settings(), division.upper(), run_id or None)
    Console().print(timing_table([run_stage(context, Stage.GEOCODE)]))


@geocode.command("file")
def file(
    addresses: Annotated[Path, typer.Argument(help="Table of addresses: Parquet or CSV.")],
    columns: Annotated[Path, typer.Option(help="Roles of its columns (YAML).")],
    out: Annotated[Path, typer.Option(help="Parquet file to write; one row per input row.")],
    gazetteer: Annotated[str, typer.Option(help="Compiled release; the configured one by default.")] = "",
    report: Annotated[Path | None, typer.Option(help="Also write an HTML report here.")] = None,
) -> None:
    """Geocode any table: one output row per input row, always."""
    settings = get_settings()
    result = geocode_file(settings, addresses, read_roles(columns), out, gazetteer or settings.gazetteer_release)
    table = Table("level", "rows", "share", title=f"{result.rows:,} rows in {result.seconds:.1f} s")
    for level, count in result.levels.items():
        table.add_row(level, f"{count:,}", f"{count / max(1, result.rows):.1%}")
    Console().print(table)
    if report is not None:
        write_file_report(settings, out, report)
        Console().print(f"Report: {report}")


def explain(
    key: Annotated[str, typer.Argument(help="Location id, or source key, of a division's record.")],
    division: Annotated[str, typer.Option(help="Division letter.")],
    run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
    show_text: Annotated[bool, typer.Option(help="Show the text as recorded (personal data).")] = False,
) -> None:
    """Say how a location was matched: class, level, rule, evidence, alternatives, or the reason for refusal."""
    context = read_run(get_settings(), division.upper(), run_id or None)
    for line in explain_location(context, key, show_text=show_text):
        Console().print(line, highlight=False, markup=False)


@geocode.command("report")
def report(
    division: Annotated[str, typer.Argument(help="Division letter.")],
    run_id: Annotated[str, typer.Option(help="Run; the division's latest where left out.")] = "",
) -> None:
    """Write the geocoding report of a run: levels, confidence, refusals, map, unresolved streets."""
    context = read_run(get_settings(), division.upper(), run_id or None)
    Console().print(f"Report: {write_run_report(context)}")


@geocode.command("calibrate")
def calibrate_patterns(
    labelled: Annotated[list[Path], typer.Argument(help="Labelled addresses (CSV).")],
    gazetteer: Annotated[str, typer.Option(help="Compiled release they are matched against.")] = "",
    add: Annotated[bool, typer.Option(help="Add to the counts there are, instead of replacing them.")] = False,
    out: Annotated[Path, typer.Option(help="Calibration file.")] = CALIBRATION_FILE,
) -> None:
    """Count how often each evidence pattern is right on labelled addresses: the base of every confidence."""
    settings = get_settings()
    index = load_gazetteer(settings, gazetteer or settings.gazetteer_release)
    counts = calibrate([(path.stem, index, read_labels(path)) for path in labelled], settings.threads)
    for name, rows in read_counts(out).items() if add else ():
        counts[name] = merge_counts(counts.get(name, ()), rows)
    write_counts(out, counts)
    every = merge_counts(*counts.values())
    Console().print(f"{len(every):,} patterns from {sum(r[1] for r in every):,} matches in {out}")


@geocode.command("evaluate")
def evaluate_labels(
    labelled: Annotated[Path, typer.Argument(help="Labelled addresses (CSV).")],
    gazetteer: Annotated[str, typer.Option(help="Compiled release they are matched against.")] = "",
    calibration: Annotated[Path, typer.Option(help="Calibration file.")] = CALIBRATION_FILE,
) -> None:
    """Recall, precision and false matches on labelled addresses, and whether stated confidences hold."""
    settings = get_settings()
    index = load_gazetteer(settings, gazetteer or settings.gazetteer_release)
    matcher = Matcher(index, build_calibration(*read_counts(calibration).values()))
    result, _ = evaluate(matcher, read_labels(labelled), settings.threads)
    table = Table("measure", "value", title=f"{labelled.name}: {result.total:,} addresses")
    table.add_row("recall", f"{result.recall:.2%} of {result.matchable:,}")
    table.add_row("strict precision", f"{result.precision:.3%}")
    table.add_row("false UPRN, entry absent", f"{result.false_rate:.3%} of {result.absent:,}")
    for name, (seen, right) in result.bands.items():
        table.add_row(f"confidence {name}", f"{right:,} right of {seen:,}")
    Console().print(table)


@geocode.command("decide")
def decide(
    text: Annotated[str, typer.Argument(help="Text as recorded; only its hash is kept.")],
    uprn: Annotated[str, typer.Option(help="UPRN, or nothing: not in the gazetteer.")] = "",
    postcode: Annotated[str, typer.Option(help="Postcode field.")] = "",
    division: Annotated[str, typer.Option(help="Division letter.")] = "",
    by: Annotated[str, typer.Option(help="Who decides.")] = "",
    reason: Annotated[str, typer.Option(help="Why; no personal values.")] = "",
    gazetteer: Annotated[str, typer.Option(help="Compiled release that the UPRN is in.")] = "",
    names: Annotated[bool, typer.Option(help="Learn the name of a street or building that the text teaches.")] = True,
) -> None:
    """Record a reviewer's answer for a text: later runs give the text this answer, and other texts know its names."""
    settings = get_settings()
    today = datetime.now(UTC).date().isoformat()
    number = int(uprn) if uprn else None
    conflicts = record_decision(settings, Decision(text_key(text, postcode, division), number, by, today, reason))
    Console().print(f"Recorded. Texts with conflicting decisions: {conflicts}")
    if names and number is not None:
        release = gazetteer or settings.gazetteer_release
        alias = derive_alias(load_gazetteer(settings, release), text, number, by, today)
        if alias is not None:
            record_alias(settings, alias)
            Console().print(f"Learnt: {alias.name} as another name ({alias.kind}) in {alias.town}")


@geocode.command("conflicts")
def conflicts() -> None:
    """List texts that reviewers decided differently and names learnt for two places; none of these is followed."""
    table = Table("text key", "UPRN", "by", "on")
    for key, decisions in find_conflicts(read_decisions(decisions_path(get_settings()))).items():
        for d in decisions:
            table.add_row(key, str(d.uprn or "not in the gazetteer"), d.decided_by, d.decided_on)
    for (kind, name, town), aliases in find_alias_conflicts(read_aliases(aliases_path(get_settings()))).items():
        for a in aliases:
            table.add_row(f"{kind} {name} in {town}", str(a.target), a.decided_by, a.decided_on)
    Console().print(table)
