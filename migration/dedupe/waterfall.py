"""An explanation as a picture: one bar per comparison, from the prior to the score.

Enters: an `Explanation`. Leaves: an inline SVG without scripts, readable in print and by screen readers. Shows levels
and weights, no values. Refuses nothing.
"""

from html import escape

from migration.dedupe.explanation import Explanation

WIDTH, ROW, LABEL, MARGIN = 760, 24, 300, 20
AGREES, DISAGREES, TOTAL, LINE = "#1b7f4b", "#b3261e", "#334155", "#94a3b8"


def draw_waterfall(explanation: Explanation) -> str:
    """The waterfall of an explanation as an SVG element."""
    bars = [("before any comparison", explanation.prior)]
    known = [s for s in explanation.steps if not s.is_missing]
    for step in sorted(known, key=lambda s: (-(s.weight + s.frequency), s.comparison)):
        bars.append((f"{step.comparison}: {step.level}".replace("_", " "), step.weight + step.frequency))
    ends, total = [0.0], 0.0
    for _, weight in bars:
        total += weight
        ends.append(total)
    relatives = explanation.score_between_relatives
    shown = [*ends, relatives] if relatives is not None else ends
    low, high = min(shown), max(*shown, min(shown) + 1.0)
    scale = (WIDTH - LABEL - 2 * MARGIN - 60) / (high - low)

    def place(value: float) -> float:
        return LABEL + MARGIN + (value - low) * scale

    height = (len(bars) + 2) * ROW + 2 * MARGIN
    title = f"Match weights of {explanation.left} and {explanation.right}: {explanation.score:+.2f} bits"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="12"><title>{escape(title)}</title>',
        f'<line x1="{place(0):.1f}" x2="{place(0):.1f}" y1="{MARGIN}" y2="{height - MARGIN}" stroke="{LINE}"/>',
    ]
    for number, (label, weight) in enumerate(bars):
        parts.append(_bar(label, place(ends[number]), place(ends[number + 1]), weight, number))
    parts.append(_bar("score", place(0.0), place(total), total, len(bars), TOTAL))
    if relatives is not None:
        end = place(relatives)
        parts.append(_bar("against two relatives of one home", place(0.0), end, relatives, len(bars) + 1, TOTAL))
    return "".join([*parts, "</svg>"])


def _bar(label: str, start: float, end: float, weight: float, number: int, colour: str = "") -> str:
    top = MARGIN + number * ROW
    fill = colour or (AGREES if weight >= 0 else DISAGREES)
    left, width = min(start, end), max(abs(end - start), 1.0)
    return (
        f'<text x="{LABEL}" y="{top + 15}" text-anchor="end">{escape(label)}</text>'
        f'<rect x="{left:.1f}" y="{top + 4}" width="{width:.1f}" height="{ROW - 8}" fill="{fill}"/>'
        f'<text x="{max(start, end) + 4:.1f}" y="{top + 15}">{weight:+.1f}</text>'
    )
