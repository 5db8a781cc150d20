"""A picture of how work grows with the archive: lines in an SVG, both axes by powers of ten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil, floor, log10
from typing import Any

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 215, 30, 50
COLOURS = ("#0a58ca", "#6ea8fe", "#d63384", "#fd7e14", "#198754", "#6f42c1", "#20c997")

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #555 } .head { font-weight: 600; fill: #222 }
.grid { stroke: #8884; stroke-width: 1 } .line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #aaa } .head { fill: #ddd } }
"""


def lines(title: str, rows: Iterable[Mapping[str, Any]], x: str, y: str, name: str) -> str:
    """Draw a line for each ``name``, from the values of ``x`` to those of ``y``; always the same bytes."""
    known = [row for row in rows if row.get(y)]
    points: dict[str, list[tuple[float, float]]] = {}
    for row in sorted(known, key=lambda row: float(row[x])):
        points.setdefault(str(row[name]), []).append((log10(row[x]), log10(row[y])))
    every = [point for line in points.values() for point in line]
    low = [floor(min(values)) for values in zip(*every, strict=True)]
    high = [ceil(max(values)) for values in zip(*every, strict=True)]

    def place(point: tuple[float, float]) -> tuple[float, float]:
        across = (point[0] - low[0]) / max(high[0] - low[0], 1)
        up = (point[1] - low[1]) / max(high[1] - low[1], 1)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{title}</title><style>{_STYLE}</style>",
        f'<text class="head" x="{LEFT}" y="18">{title}</text>',
    ]
    for power in range(low[0], high[0] + 1):
        at, _ = place((power, low[1]))
        parts.append(f'<path class="grid" d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - 28}" text-anchor="middle">{10**power:,}</text>')
    for power in range(low[1], high[1] + 1):
        _, at = place((low[0], power))
        parts.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{x}</text>'
    )
    last = TOP - 17.0
    # Names stand where lines end, the uppermost first, none over another.
    ends = sorted(points.items(), key=lambda line: -line[1][-1][1])
    for number, (system, line) in enumerate(ends):
        colour = COLOURS[number % len(COLOURS)]
        placed = [place(point) for point in line]
        path = "L".join(f"{across:.1f} {down:.1f}" for across, down in placed)
        parts.append(f'<path class="line" stroke="{colour}" d="M{path}"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{d:.1f}" r="3" fill="{colour}"/>' for a, d in placed]
        last = max(last + 17, placed[-1][1] + 4)
        parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="{last:.1f}" style="fill:{colour}">{system}</text>')
    return "\n".join([*parts, "</svg>\n"])
