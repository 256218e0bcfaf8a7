"""Charts as inline SVG: few lines, direct labels, no script, no style of their own.

Everything is drawn with whole numbers: positions are tenths of a pixel, values are money (10^-8 quote) or basis points.
Colours are classes that the page's style sheet gives meaning to, so a chart follows light and dark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from markupsafe import Markup

TENTH: Final = 10
HOUR_SECONDS: Final = 3_600
DAY_SECONDS: Final = 86_400
NICE: Final = (1, 2, 5)
# Room around the picture, in pixels.
TOP: Final = 12
BOTTOM: Final = 22
RIGHT: Final = 8
LETTER: Final = 7  # about as wide as a figure of 12 px
DAY_NAMES: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NARROW: Final = 480

Point = tuple[int, int]


class Size(NamedTuple):
    """Of a chart, in pixels."""

    width: int
    height: int


class Axis(NamedTuple):
    """Values from low to high, with lines at round ones."""

    low: int
    high: int
    lines: tuple[int, ...]


def axis(values: Sequence[int], *, least: int = 1) -> Axis:
    """An axis that holds the values, with two to six lines at round figures and never less than `least` wide."""
    low, high = min(values), max(values)
    if high - low < least:
        low, high = low - least // 2 - 1, high + least // 2 + 1
    widest = max(1, (high - low) // 2)  # so that at least two lines fit
    step = 1
    while step * 10 <= widest:
        step *= 10
    step *= max(nice for nice in NICE if step * nice <= widest)
    first = -(-low // step) * step
    return Axis(low, high, tuple(range(first, high + 1, step)))


def curve(
    points: Sequence[Point],
    *,
    start_ts: int,
    end_ts: int,
    size: Size,
    name: str,
    told: str,
    label: Callable[[int], str],
    base: int | None = None,
) -> Markup:
    """Equity over time: a line, an area down to the lowest line, the last value marked.

    Args:
        points: (UTC seconds, value), rising in time, at least one.
        start_ts, end_ts: of the time axis.
        name, told: title and description for who cannot see it.
        label: the value as text, for the lines.
        base: a value drawn as a dashed line, such as that at the start.
    """
    values = [value for _, value in points] + ([] if base is None else [base])
    scale = axis(values, least=max(1, max(map(abs, values)) // 2_000))
    # Room above and below, so that the line does not touch the frame.
    room = (scale.high - scale.low) // 12 + 1
    frame = _Frame(scale._replace(low=scale.low - room, high=scale.high + room), start_ts, end_ts, size, label)
    line = "".join(f"{'L' if n else 'M'}{frame.x(ts)} {frame.y(value)}" for n, (ts, value) in enumerate(points))
    last_ts, last = points[-1]
    parts = [frame.grid()]
    if len(points) > 1:
        area = f"{line}L{frame.x(last_ts)} {frame.floor}L{frame.x(points[0][0])} {frame.floor}Z"
        parts.append(f'<path class="area" d="{area}"/>')
    if base is not None:
        parts.append(_line("base", frame.left, frame.y(base), frame.right, frame.y(base)))
    if len(points) > 1:
        parts.append(f'<path class="line" d="{line}"/>')
    parts.append(f'<circle class="dot" cx="{frame.x(last_ts)}" cy="{frame.y(last)}" r="3.5"/>')
    return _svg(size, name, told, parts)


def fall(
    points: Sequence[Point],
    *,
    start_ts: int,
    end_ts: int,
    size: Size,
    name: str,
    told: str,
    label: Callable[[int], str],
    least: int = 100,
) -> Markup:
    """Drawdown over time, hanging down from zero.

    Arguments as `curve`, but values are not negative and `least` is the smallest depth that fills the picture.
    """
    deepest = max([least, *(value for _, value in points)])
    below = [(ts, -value) for ts, value in points]
    scale = axis([0, -deepest])
    frame = _Frame(scale._replace(low=scale.low - deepest // 12), start_ts, end_ts, size, label)
    zero = frame.y(0)
    line = "".join(f"L{frame.x(ts)} {frame.y(value)}" for ts, value in below)
    first, last = frame.x(below[0][0]), frame.x(below[-1][0])
    parts = [frame.grid()]
    if len(points) > 1:
        parts.append(f'<path class="fall" d="M{first} {zero}{line}L{last} {zero}Z"/>')
        parts.append(f'<path class="fall-line" d="M{line[1:]}"/>')
    else:
        parts.append(f'<circle class="fall-dot" cx="{first}" cy="{frame.y(below[0][1])}" r="3"/>')
    return _svg(size, name, told, parts)


def bar(value: int, largest: int, *, told: str) -> Markup:
    """A gain to the right of the middle or a loss to the left, as long as its share of the largest."""
    half = 500  # tenths of a pixel on each side
    length = 0 if largest <= 0 else min(half, abs(value) * half // largest)
    if value:
        length = max(length, TENTH)
    kind, start = ("gain", half) if value >= 0 else ("loss", half - length)
    parts = [
        _line("grid", _px(half), "0", _px(half), "10"),
        f'<rect class="{kind}" x="{_px(start)}" y="1.5" width="{_px(length)}" height="7"/>' if length else "",
    ]
    return _svg(Size(100, 10), told, "", parts, stretched=True)


class _Frame:
    """Where values and times lie in the picture, and the grid behind them."""

    def __init__(self, scale: Axis, start_ts: int, end_ts: int, size: Size, label: Callable[[int], str]) -> None:
        self._scale, self._start, self._end, self._size = scale, start_ts, end_ts, size
        self._labels = [(value, label(value)) for value in scale.lines]
        gutter = max((len(text) for _, text in self._labels), default=0) * LETTER + 8
        self._left = gutter * TENTH
        self._right = (size.width - RIGHT) * TENTH
        self._top = TOP * TENTH
        self._bottom = (size.height - BOTTOM) * TENTH
        self.left, self.right, self.floor = _px(self._left), _px(self._right), _px(self._bottom)

    def x(self, ts: int) -> str:
        span = max(1, self._end - self._start)
        return _px(self._left + (ts - self._start) * (self._right - self._left) // span)

    def y(self, value: int) -> str:
        span = max(1, self._scale.high - self._scale.low)
        return _px(self._bottom - (value - self._scale.low) * (self._bottom - self._top) // span)

    def grid(self) -> str:
        parts = []
        for value, text in self._labels:
            y = self.y(value)
            parts.append(_line("grid", self.left, y, self.right, y))
            parts.append(_text(_px(self._left - 6 * TENTH), y, "end", text, middle=True))
        below = _px(self._bottom + 16 * TENTH)
        for ts, text in self._times():
            anchor = "start" if ts == self._start else "end" if ts == self._end else "middle"
            parts.append(_text(self.x(ts), below, anchor, text))
        return "".join(parts)

    def _times(self) -> list[tuple[int, str]]:
        if self._end - self._start <= DAY_SECONDS:
            hours = 6 if self._size.width >= NARROW else 12
            steps = range(self._start, self._end + 1, hours * HOUR_SECONDS)
            return [(ts, f"{datetime.fromtimestamp(ts, UTC):%H:%M}") for ts in steps]
        days = range(self._start, self._end, DAY_SECONDS)
        at = [(ts, datetime.fromtimestamp(ts, UTC)) for ts in days]
        return [(ts + DAY_SECONDS // 2, f"{DAY_NAMES[day.weekday()]} {day.day}") for ts, day in at]


def _svg(size: Size, name: str, told: str, parts: Sequence[str], *, stretched: bool = False) -> Markup:
    """The picture; everything in `parts` is made here, so only name and description can hold foreign text."""
    fit = Markup(' preserveAspectRatio="none"' if stretched else "")  # noqa: S704
    head = Markup('<svg viewBox="0 0 {} {}"{} role="img" aria-label="{}">').format(size.width, size.height, fit, name)
    title = Markup("<title>{}</title>").format(f"{name}. {told}" if told else name)
    return head + title + Markup("".join(parts)) + Markup("</svg>")  # noqa: S704 -- our own elements and escaped text


def _line(kind: str, x1: str, y1: str, x2: str, y2: str) -> str:
    return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _text(x: str, y: str, anchor: str, text: str, *, middle: bool = False) -> str:
    place = ' dominant-baseline="middle"' if middle else ""
    return str(Markup('<text x="{}" y="{}" text-anchor="{}"{}>{}</text>').format(x, y, anchor, Markup(place), text))  # noqa: S704


def _px(tenths: int) -> str:
    sign = "-" if tenths < 0 else ""
    whole, rest = divmod(abs(tenths), TENTH)
    return f"{sign}{whole}.{rest}" if rest else f"{sign}{whole}"
