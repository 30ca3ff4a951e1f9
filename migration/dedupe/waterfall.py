"""An explanation as a picture: one bar per comparison, from the prior to the score, and what was decided.

Enters: an `Explanation`. Leaves: an inline SVG without scripts, readable in print and by screen readers. Shows levels,
weights and reasons, no values. Refuses nothing.
"""

from html import escape
from textwrap import wrap

from migration.dedupe.explanation import Explanation

WIDTH, ROW, LABEL, MARGIN = 760, 24, 300, 20
LINE_HEIGHT, LETTERS = 18, 110
AGREES, DISAGREES, TOTAL, LINE = "#1b7f4b", "#b3261e", "#334155", "#94a3b8"


def draw_waterfall(explanation: Explanation) -> str:
    """The waterfall of an explanation as an SVG element."""
    bars = [("before any comparison", explanation.prior)]
    known = [s for s in explanation.steps if not s.is_missing]
    for step in sorted(known, key=lambda s: (-(s.weight + s.frequency), s.comparison)):
        bars.append((step.label, step.weight + step.frequency))
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

    words = _words(explanation)
    top = (len(bars) + 1 + (relatives is not None)) * ROW + MARGIN
    height = top + (len(words) + 1) * LINE_HEIGHT + MARGIN
    title = f"Match weights of {explanation.left} and {explanation.right}: {explanation.score:+.2f} bits"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="12"><title>{escape(title)}</title>',
        f'<line x1="{place(0):.1f}" x2="{place(0):.1f}" y1="{MARGIN}" y2="{top}" stroke="{LINE}"/>',
    ]
    for number, (label, weight) in enumerate(bars):
        parts.append(_bar(label, place(ends[number]), place(ends[number + 1]), weight, number))
    parts.append(_bar("score", place(0.0), place(total), total, len(bars), TOTAL))
    if relatives is not None:
        end = place(relatives)
        parts.append(_bar("against two relatives of one home", place(0.0), end, relatives, len(bars) + 1, TOTAL))
    for number, text in enumerate(words, start=1):
        parts.append(f'<text x="{MARGIN}" y="{top + number * LINE_HEIGHT}">{escape(text)}</text>')
    return "".join([*parts, "</svg>"])


def _words(explanation: Explanation) -> list[str]:
    """What was decided and why, in lines that fit the picture."""
    counted = "nothing" if explanation.counted is None else f"{explanation.counted:+.1f}"
    said = [
        f"{explanation.left} and {explanation.right}:",
        explanation.decision,
        *(f"because {r}" for r in explanation.reasons),
        *explanation.notes,
        f"What counts: {counted}; needed, as the mean of all pairs of two groups: {explanation.needed:g}.",
        f"Bits: each doubles the odds. Model {explanation.model_version}.",
    ]
    return [line for text in said for line in wrap(text, LETTERS)]


def _bar(label: str, start: float, end: float, weight: float, number: int, colour: str = "") -> str:
    top = MARGIN + number * ROW
    fill = colour or (AGREES if weight >= 0 else DISAGREES)
    left, width = min(start, end), max(abs(end - start), 1.0)
    return (
        f'<text x="{LABEL}" y="{top + 15}" text-anchor="end">{escape(label)}</text>'
        f'<rect x="{left:.1f}" y="{top + 4}" width="{width:.1f}" height="{ROW - 8}" fill="{fill}"/>'
        f'<text x="{max(start, end) + 4:.1f}" y="{top + 15}">{weight:+.1f}</text>'
    )
