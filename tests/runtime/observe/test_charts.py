from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mooring.runtime.observe import charts
from mooring.runtime.observe.charts import Size

START = 1_704_067_200
END = START + 86_400
SIZE = Size(880, 240)
DAY = {"start_ts": START, "end_ts": END, "size": SIZE, "name": "Equity", "told": "From 1 to 2.", "label": str}


def parts(svg, kind):
    return [found for found in ET.fromstring(str(svg)).iter() if found.get("class") == kind]


def numbers(svg):
    """Every coordinate: (where, value)."""
    for found in ET.fromstring(str(svg)).iter():
        for name in ("x", "x1", "x2", "cx"):
            if name in found.attrib:
                yield "x", float(found.attrib[name])
        for name in ("y", "y1", "y2", "cy"):
            if name in found.attrib:
                yield "y", float(found.attrib[name])
        for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", found.get("d", "")):
            yield from (("x", float(x)), ("y", float(y)))


VALUES = st.lists(st.integers(0, 10**15), min_size=1, max_size=30)


@given(values=VALUES, base=st.none() | st.integers(0, 10**15), weekly=st.booleans(), narrow=st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_the_values_the_curve_stays_in_its_picture(values, base, weekly, narrow):
    size, end = Size(400, 200) if narrow else SIZE, START + (7 if weekly else 1) * 86_400
    points = [(START + n * 3600, value) for n, value in enumerate(values)][:24]
    svg = charts.curve(points, **{**DAY, "size": size, "end_ts": end, "label": lambda _: "9,999"}, base=base)
    for where, value in numbers(svg):
        assert 0 <= value <= (size.width if where == "x" else size.height)
    assert len(parts(svg, "dot")) == 1
    assert len(parts(svg, "base")) == (base is not None)
    assert len(parts(svg, "line")) == (len(points) > 1)


@given(values=st.lists(st.integers(0, 10_000), min_size=1, max_size=24))
@settings(max_examples=100, deadline=None)
def test_a_drawdown_hangs_from_zero_and_stays_in_its_picture(values):
    svg = charts.fall([(START + n * 3600, value) for n, value in enumerate(values)], **DAY)
    assert all(0 <= v <= (SIZE.width if where == "x" else SIZE.height) for where, v in numbers(svg))


def test_a_higher_value_lies_higher_and_a_later_one_further_right():
    svg = charts.curve([(START, 100), (START + 3600, 300), (END, 200)], **DAY)
    path = parts(svg, "line")[0].get("d")
    (x1, y1), (x2, y2), (x3, y3) = [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path)]
    assert x1 < x2 < x3
    assert y2 < y3 < y1
    dot = parts(svg, "dot")[0]
    assert (float(dot.get("cx")), float(dot.get("cy"))) == (x3, y3)
    # A third of the way up from the lowest to the highest, on the same scale.
    assert (y1 - y3) == pytest.approx((y1 - y2) / 2, abs=0.2)


def test_one_value_is_a_dot_and_no_line():
    svg = charts.curve([(START, 100)], **DAY)
    assert (len(parts(svg, "dot")), parts(svg, "line"), parts(svg, "area")) == (1, [], [])
    svg = charts.fall([(START, 100)], **DAY)
    assert (len(parts(svg, "fall-dot")), parts(svg, "fall")) == (1, [])


@given(values=VALUES, least=st.integers(1, 10**12))
def test_an_axis_holds_its_values_and_has_two_to_six_round_lines(values, least):
    made = charts.axis(values, least=least)
    assert made.low <= min(values) <= max(values) <= made.high
    assert 2 <= len(made.lines) <= 6
    steps = {b - a for a, b in zip(made.lines, made.lines[1:], strict=False)}
    assert len(steps) == 1
    assert str(steps.pop()).rstrip("0") in {"1", "2", "5"}
    assert all(made.low <= line <= made.high for line in made.lines)


def test_a_flat_line_has_room_around_it():
    made = charts.axis([1000, 1000], least=10)
    assert made.low < 1000 < made.high


@pytest.mark.parametrize(
    ("value", "kind", "x", "width"),
    [
        (50, "gain", 50, 50),
        (25, "gain", 50, 25),
        (-50, "loss", 0, 50),
        (-5, "loss", 45, 5),
        (1, "gain", 50, 1),
        (-1, "loss", 49, 1),
    ],
)
def test_a_gain_goes_right_and_a_loss_left_by_its_share_of_the_largest(value, kind, x, width):
    [bar] = parts(charts.bar(value, 50, told="BTC: 1"), kind)
    assert (float(bar.get("x")), float(bar.get("width"))) == (x, width)


def test_nothing_has_no_bar_but_never_less_than_one_can_see():
    svg = charts.bar(0, 50, told="BTC: 0")
    assert parts(svg, "gain") == parts(svg, "loss") == []
    [bar] = parts(charts.bar(1, 10**15, told="BTC: 0.00"), "gain")
    assert float(bar.get("width")) == 1


def test_foreign_text_cannot_leave_its_place():
    evil = '"><script>alert(1)</script>'
    svg = charts.curve([(START, 1)], **{**DAY, "name": evil, "told": evil, "label": lambda _: evil})
    root = ET.fromstring(str(svg))
    assert [found for found in root.iter() if found.tag == "script"] == []
    assert root.get("aria-label") == evil
    assert root.findtext("title") == f"{evil}. {evil}"


def test_a_day_is_marked_by_hours_and_a_week_by_days():
    def marks(**more):
        svg = charts.curve([(START, 1)], **{**DAY, "label": lambda _: "", **more})
        return [t for found in ET.fromstring(str(svg)).iter("text") if (t := found.text)]

    assert marks() == ["00:00", "06:00", "12:00", "18:00", "00:00"]
    assert marks(size=Size(400, 200)) == ["00:00", "12:00", "00:00"]
    week = marks(end_ts=START + 7 * 86_400)
    assert week == ["Mon 1", "Tue 2", "Wed 3", "Thu 4", "Fri 5", "Sat 6", "Sun 7"]


def test_a_chart_has_no_style_of_its_own():
    """An attribute `style` is refused by the page's content security policy."""
    svg = str(charts.curve([(START, 1), (END, 2)], **DAY, base=1)) + str(charts.bar(1, 1, told=""))
    assert "style" not in svg
    assert "http" not in svg
