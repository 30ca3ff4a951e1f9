"""Charts of a report as SVG text, readable without colour and on paper.

Enters: points of runs. Leaves: an SVG element with a title, a description and a label on every bar.
"""

from collections.abc import Sequence
from html import escape

from migration.quality.trends import RunPoint

WIDTH, HEIGHT = 760, 240
BASE, TOP, LEFT = 190, 20, 10
FAIL_COLOUR, ERROR_COLOUR = "#a4161a", "#44515f"


def draw_trend(points: Sequence[RunPoint]) -> str:
    """Bars of rules that fail (solid) and could not be run (outlined) per run."""
    largest = max((p.failed + p.errors for p in points), default=0) or 1
    step = (WIDTH - LEFT) / max(len(points), 1)
    bars = "".join(_draw_bar(p, LEFT + n * step, min(step * 0.6, 70), largest) for n, p in enumerate(points))
    description = "; ".join(f"run {p.run_id}: {p.failed} fail, {p.errors} could not be run" for p in points)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="trend-title trend-text">'
        f'<title id="trend-title">Rules that fail, by run</title><desc id="trend-text">{escape(description)}</desc>'
        f'<line x1="0" y1="{BASE}" x2="{WIDTH}" y2="{BASE}" stroke="#16202c"/>{bars}</svg>'
    )


def _draw_bar(point: RunPoint, x: float, width: float, largest: int) -> str:
    scale = (BASE - TOP - 16) / largest
    fail, error = point.failed * scale, point.errors * scale
    middle = x + width / 2
    label = f"{point.failed} fail" + (f", {point.errors} error" if point.errors else "")
    parts = [
        f'<rect x="{x:.1f}" y="{BASE - fail:.1f}" width="{width:.1f}" height="{fail:.1f}" fill="{FAIL_COLOUR}"/>',
        f'<rect x="{x:.1f}" y="{BASE - fail - error:.1f}" width="{width:.1f}" height="{error:.1f}" fill="#fff" '
        f'stroke="{ERROR_COLOUR}" stroke-width="2"/>'
        if point.errors
        else "",
        f'<text x="{middle:.1f}" y="{BASE - fail - error - 5:.1f}" text-anchor="middle">{label}</text>',
        f'<text x="{middle:.1f}" y="{BASE + 16}" text-anchor="middle">{escape(point.run_id[4:8])}</text>',
        f'<text x="{middle:.1f}" y="{BASE + 32}" text-anchor="middle">{escape(point.run_id[9:13])}</text>',
    ]
    return "".join(parts)
