"""The pictures in streams/processors/docs: plain SVG, made of the figures of one run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

_FONT = 'font-family="sans-serif" font-size="13"'
_INK, _PALE = "#1f2933", "#cbd2d9"
_BARS = {"shell": "#829ab1", "step": "#2b6cb0"}


def profile(
    rows: Sequence[tuple[str, str, float]], title: str, unit: str = "us", *, share: bool = True
) -> str:
    """Return bars, one a stage: (``shell`` or ``step``, name, how much), with their shares."""
    left, wide, line = 300, 420, 24
    longest, total = max(row[2] for row in rows), sum(row[2] for row in rows)
    out = [_text(10, 24, title, bold=True)]
    for number, (kind, name, us) in enumerate(rows):
        y = 44 + number * line
        out.append(_text(left - 10, y + 14, name, end=True))
        width = max(1.0, us / longest * wide)
        out.append(
            f'<rect x="{left}" y="{y}" width="{width:.1f}" height="18" fill="{_BARS[kind]}"/>'
        )
        part = f", {us / total:.0%}" if share else ""
        out.append(_text(left + width + 6, y + 14, f"{us:.1f} {unit}{part}"))
    return _page(left + wide + 130, 54 + len(rows) * line, out)


def curves(groups: Mapping[str, Sequence[tuple[str, float]]], unit: str) -> str:
    """Return small charts side by side: name -> (label, value), each from zero."""
    wide, high, out = 300, 200, list[str]()
    for place, (name, points) in enumerate(groups.items()):
        x0, y0, top = 50 + place * (wide + 60), 50 + high, 1.2 * max(v for _, v in points)
        out.append(_text(x0, 28, f"{name}, {unit}", bold=True))
        out.append(f'<path d="M{x0} 50V{y0}H{x0 + wide}" fill="none" stroke="{_PALE}"/>')
        step = wide / (len(points) + 1)
        dots = [
            (x0 + step * (at + 1), y0 - value / top * high) for at, (_, value) in enumerate(points)
        ]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in dots)
        out.append(f'<path d="M{path}" fill="none" stroke="{_BARS["step"]}" stroke-width="2"/>')
        for (x, y), (label, value) in zip(dots, points, strict=True):
            out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{_BARS["step"]}"/>')
            out.append(_text(x, y - 10, f"{value:.2f}", middle=True))
            out.append(_text(x, y0 + 18, label, middle=True))
    return _page(50 + len(groups) * (wide + 60), high + 90, out)


def write(folder: Path, pictures: Mapping[str, str]) -> None:
    """Write the pictures."""
    folder.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        (folder / f"{name}.svg").write_text(picture, "utf-8")


def _text(
    x: float, y: float, text: str, *, bold: bool = False, end: bool = False, middle: bool = False
) -> str:
    anchor = "end" if end else "middle" if middle else "start"
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" {_FONT} fill="{_INK}" '
        f'text-anchor="{anchor}"{weight}>{escape(text)}</text>'
    )


def _page(width: float, height: float, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}"><rect width="100%" height="100%" fill="#fff"/>'
    )
    return "\n".join([head, *parts, "</svg>", ""])
