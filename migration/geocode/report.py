"""Geocoding report: levels, confidence, refusals, a map and the streets that most often stay unresolved.

Enters: a run's `located` layer, or the output of `geocode file`. Leaves: one self-contained HTML file, printable,
with the protective marking on top. Must hold: counts only; an unresolved street is shown by its recorded words only
where at least `LEAST_SHOWN` records have it, and never with a number. Refuses a run that is not located.
"""

from collections import Counter
from dataclasses import dataclass
from html import escape
from pathlib import Path

from migration.duck import open_session, read_parquet_sql
from migration.errors import SourceError
from migration.geocode.calibrate import band
from migration.geocode.drawing import Bar, draw_bars, draw_map
from migration.geocode.rules import MatchLevel
from migration.geocode.split import candidate_phrases
from migration.geocode.text import tokenise
from migration.layers import layer_folder
from migration.records import Layer, RunContext
from migration.settings import Settings

LEAST_SHOWN = 5
"""Records that must share the words of an unresolved street before a report shows them."""
MAP_POINTS = 20_000
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}"
    "table{border-collapse:collapse;margin:1rem 0}"
    "th,td{padding:.25rem .75rem;border-bottom:1px solid #ccc;text-align:left}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}"
    ".marking{text-align:center;font-weight:700;letter-spacing:.05em}"
    "svg{max-width:100%;height:auto}@media print{body{margin:0}}"
)


@dataclass(frozen=True)
class _Slice:
    """Counts of one division or source system."""

    name: str
    rows: int
    levels: Counter[str]


def write_run_report(context: RunContext) -> Path:
    """Write the report of a run's located layer; returns its path.

    Raises:
        SourceError: the run is not located.
    """
    matches = layer_folder(context, Layer.LOCATED) / "location_match.parquet"
    locations = layer_folder(context, Layer.MAPPED) / "location.parquet"
    if not matches.exists():
        where = f"lake layer {context.division}/{context.run_id}/located"
        raise SourceError(where, "no matches", "a located run", f"Run `migrate geocode {context.division}`.")
    relation = (
        f"(SELECT m.*, l.source_system, coalesce(l.street, l.location_raw_text) AS words "
        f"FROM {read_parquet_sql(matches)} m "
        f"JOIN {read_parquet_sql(locations)} l USING (location_id))"
    )
    path = context.report_folder / "geocoding.html"
    title = f"Geocoding, division {context.division}, run {context.run_id}"
    _write(context.settings, relation, path, title)
    return path


def write_file_report(settings: Settings, result: Path, path: Path) -> None:
    """Write the report of a file that `geocode file` made."""
    relation = f"(SELECT *, NULL AS words FROM {read_parquet_sql(result)})"
    _write(settings, relation, path, f"Geocoding of {result.name}")


def _write(settings: Settings, relation: str, path: Path, title: str) -> None:
    with open_session(settings) as connection:
        groups = connection.execute(
            f"SELECT division_code, source_system, match_level_code, refusal_code, location_class_code, count(*) "
            f"FROM {relation} "
            "GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        confidences = connection.execute(
            f"SELECT match_level_code, confidence, count(*) FROM {relation} "
            "WHERE match_level_code <> 'NONE' GROUP BY ALL"
        ).fetchall()
        points = connection.execute(
            f"SELECT easting, northing, match_level_code FROM {relation} WHERE easting IS NOT NULL "
            f"ORDER BY md5(coalesce(uprn::VARCHAR, easting::VARCHAR || northing::VARCHAR)) LIMIT {MAP_POINTS}"
        ).fetchall()
        words = connection.execute(
            f"SELECT words, count(*) FROM {relation} WHERE words IS NOT NULL AND refusal_code IN "
            "('STREET_UNKNOWN', 'STREET_AMBIGUOUS') GROUP BY 1"
        ).fetchall()
    body = [
        _level_section(groups),
        _confidence_section(confidences),
        _refusal_section(groups),
        f"<h2>Where they are</h2>{draw_map([(int(e), int(n), str(level)) for e, n, level in points])}",
        _slices_section(groups),
        _streets_section(words),
    ]
    marking = escape(settings.security_marking)
    html = (
        f'<!doctype html><html lang="en-GB"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>"
        f'<body><p class="marking">{marking}</p><h1>{escape(title)}</h1>{"".join(body)}'
        f'<p class="marking">{marking}</p></body></html>'
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")


def _level_section(groups: list[tuple[object, ...]]) -> str:
    levels: Counter[str] = Counter()
    for _, _, level, _, _, count in groups:
        levels[str(level)] += int(str(count))
    total = sum(levels.values())
    bars = [Bar(lv.value, levels[lv.value]) for lv in MatchLevel if levels[lv.value]]
    return (
        f"<h2>Match level</h2><p>{total:,} locations, every one with a level and a reason.</p>{draw_bars(bars, total)}"
    )


def _confidence_section(rows: list[tuple[object, ...]]) -> str:
    bands: Counter[str] = Counter()
    for _, confidence, count in rows:
        bands[band(float(str(confidence)))] += int(str(count))
    total = sum(bands.values())
    bars = [Bar(name, bands[name]) for name in sorted(bands, reverse=True)]
    note = "Confidence is a lower bound of the precision such matches showed on labelled addresses."
    return f"<h2>Confidence</h2><p>{note}</p>{draw_bars(bars, total)}"


def _refusal_section(groups: list[tuple[object, ...]]) -> str:
    reasons: Counter[str] = Counter()
    for _, _, _, refusal, _, count in groups:
        if refusal:
            reasons[str(refusal)] += int(str(count))
    bars = [Bar(name, count) for name, count in reasons.most_common()]
    return f"<h2>Why there is no finer match</h2>{draw_bars(bars, sum(reasons.values()))}"


def _slices_section(groups: list[tuple[object, ...]]) -> str:
    slices: dict[str, Counter[str]] = {}
    for division, system, level, _, _, count in groups:
        name = f"{division or '-'} / {system or '-'}"
        slices.setdefault(name, Counter())[str(level)] += int(str(count))
    heads = "".join(f"<th>{lv.value}</th>" for lv in MatchLevel)
    lines = "".join(
        f"<tr><td>{escape(name)}</td>" + "".join(f'<td class="n">{c[lv.value]:,}</td>' for lv in MatchLevel) + "</tr>"
        for name, c in sorted(slices.items())
    )
    return f"<h2>By division and source system</h2><table><tr><th>division / system</th>{heads}</tr>{lines}</table>"


def _streets_section(words: list[tuple[object, ...]]) -> str:
    streets: Counter[str] = Counter()
    for text, count in words:
        tokens = tokenise(str(text))
        spans = candidate_phrases(tokens, [])
        if spans:
            phrase = max(spans, key=lambda s: (s.end - s.start, s.key)).key
            streets[phrase] += int(str(count))
    shown = [(name, count) for name, count in streets.most_common(25) if count >= LEAST_SHOWN]
    lines = "".join(f'<tr><td>{escape(name)}</td><td class="n">{count:,}</td></tr>' for name, count in shown)
    if not lines:
        return "<h2>Streets not resolved</h2><p>None that several records share.</p>"
    return f"<h2>Streets not resolved</h2><table><tr><th>words</th><th>records</th></tr>{lines}</table>"
