"""Tables in docs/performance.md and plots beside it."""
import math, os, pathlib, platform, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs/performance.md"
BLUE, GREY = "#4a7ebb", "#9a9a9a"


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return f"{os.cpu_count()} cores, {model}, Linux {platform.release().split('-')[0]}, {time.strftime('%Y-%m-%d')}."


def section(name, text):
    """Replaces the part of the document between two marks."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, rest = DOCUMENT.read_text().split(begin)
    DOCUMENT.write_text(f"{before}{begin}\n\n{text}\n\n{end}{rest.split(end)[1]}")


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def bars(file, title, rows, text, logarithmic=False, mark=None, own="Quiniela"):
    """Draws horizontal bars of (name, value) and a dashed line at `mark`; `text` formats a value."""
    height, left, width = 26, 230, 420
    top = max(value for _, value in rows) * (1 if logarithmic else 1.05)
    low = min(value for _, value in rows) / 2

    def length(value):
        part = math.log(value / low) / math.log(top / low) if logarithmic else value / top
        return max(1, part * width)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 110}" height="{height * len(rows) + 42}" '
             f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>',
             f'<text x="8" y="18">{title}</text>']
    for index, (name, value) in enumerate(rows):
        y = 30 + index * height
        colour = BLUE if own in name or mark else GREY
        parts += [f'<text x="8" y="{y + 15}">{name}</text>',
                  f'<rect x="{left}" y="{y + 3}" width="{length(value):.0f}" height="{height - 8}" fill="{colour}"/>',
                  f'<text x="{left + length(value) + 6:.0f}" y="{y + 15}">{text(value)}</text>']
    if mark:
        x = left + length(mark)
        parts.append(f'<line x1="{x:.0f}" y1="26" x2="{x:.0f}" y2="{30 + height * len(rows)}" stroke="#555" '
                     'stroke-dasharray="3"/>')
    (ROOT / "docs" / file).write_text("\n".join(parts + ["</svg>"]) + "\n")


def line(file, title, points, x_text, y_text):
    """Draws a line through (x, y), from y = 0; labels the ends of both axes."""
    left, width, bottom, height = 60, 560, 190, 150
    (first, last), top = (points[0][0], points[-1][0]), max(y for _, y in points) * 1.15
    place = lambda x, y: (left + (x - first) / (last - first) * width, bottom - y / top * height)
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
    highest = max(y for _, y in points)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 40}" height="{bottom + 30}" '
             f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>',
             f'<text x="8" y="18">{title}</text>',
             f'<path d="M{left} {bottom - height}V{bottom}H{left + width}" stroke="#555" fill="none"/>',
             f'<polyline points="{path}" fill="none" stroke="{BLUE}" stroke-width="2"/>',
             f'<text x="8" y="{place(first, highest)[1] + 4:.0f}">{y_text(highest)}</text>',
             f'<text x="8" y="{bottom}">0</text>',
             f'<text x="{left}" y="{bottom + 18}">{x_text(first)}</text>',
             f'<text x="{left + width}" y="{bottom + 18}" text-anchor="end">{x_text(last)}</text>', "</svg>"]
    (ROOT / "docs" / file).write_text("\n".join(parts) + "\n")
