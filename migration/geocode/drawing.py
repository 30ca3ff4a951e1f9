"""Bars and point maps as inline SVG, readable without script and in print.

Enters: counts, or points of EPSG:27700. Leaves: SVG text with a title for screen readers. Refuses nothing; no points
make a note.
"""

from dataclasses import dataclass
from html import escape

LEVEL_COLOURS = {
    "UPRN": "#00508f",
    "BUILDING": "#2b8cbe",
    "STREET": "#4f9d69",
    "POSTCODE": "#b8860b",
    "GRID": "#7b4ea3",
    "LOCALITY": "#c05a2b",
    "BEAT": "#8a8a8a",
    "NONE": "#8a8a8a",
}
WIDTH, BAR = 760, 22
MAP_HEIGHT = 900


@dataclass(frozen=True)
class Bar:
    """One bar: its name and count."""

    name: str
    count: int


def draw_bars(bars: list[Bar], total: int) -> str:
    """Horizontal bars with counts and shares."""
    if not bars:
        return "<p>None.</p>"
    most = max(b.count for b in bars)
    rows = []
    for i, bar in enumerate(bars):
        y, length = i * BAR, round(420 * bar.count / most) if most else 0
        colour = LEVEL_COLOURS.get(bar.name, "#00508f")
        share = f"{bar.count / total:.1%}" if total else ""
        rows.append(
            f'<text x="0" y="{y + 15}" font-size="13">{escape(bar.name)}</text>'
            f'<rect x="190" y="{y + 3}" width="{max(1, length)}" height="{BAR - 6}" fill="{colour}"/>'
            f'<text x="{200 + length}" y="{y + 15}" font-size="13">{bar.count:,} ({share})</text>'
        )
    summary = ", ".join(f"{b.name} {b.count}" for b in bars)
    return (
        f'<svg viewBox="0 0 {WIDTH} {len(bars) * BAR}" role="img"><title>{escape(summary)}</title>{"".join(rows)}</svg>'
    )


def draw_map(points: list[tuple[int, int, str]]) -> str:
    """Points by level, north up, scaled to their extent."""
    if not points:
        return "<p>No located records.</p>"
    west, east = min(p[0] for p in points), max(p[0] for p in points)
    south, north = min(p[1] for p in points), max(p[1] for p in points)
    span = max(east - west, north - south, 1)
    scale = min(WIDTH, MAP_HEIGHT) / span
    height = round((north - south) * scale) + 20
    marks = []
    for level, colour in LEVEL_COLOURS.items():
        places = sorted(
            {(round((e - west) * scale) + 10, round((north - n) * scale) + 10) for e, n, lv in points if lv == level}
        )
        path = "".join(f"M{x} {y}h0" for x, y in places)
        if path:
            marks.append(
                f'<path d="{path}" stroke="{colour}" stroke-width="3" stroke-linecap="round">'
                f"<title>{level}</title></path>"
            )
    legend = " ".join(
        f'<span style="color:{colour}">●</span> {level}'
        for level, colour in LEVEL_COLOURS.items()
        if any(p[2] == level for p in points)
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img"><title>Map of {len(points):,} located records</title>'
        f"{''.join(marks)}</svg>"
        f"<p>{legend}. Up to 20,000 points.</p>"
    )
