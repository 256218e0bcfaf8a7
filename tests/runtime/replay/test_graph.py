"""The graph of an hour holds every row and its parent; its picture shows it without anything lying on anything else."""

from __future__ import annotations

import re
from contextlib import closing
from itertools import combinations
from xml.etree import ElementTree as ET

import pytest

from mooring.errors import NotFound
from mooring.runtime.replay.drawing import PLACES, SHOWN, SHOWN_MAX, draw
from mooring.runtime.replay.graph import hour_graph
from mooring.runtime.store.hashing import ZERO
from mooring.runtime.store.reader import Reader
from mooring.runtime.store.schema import IN_MANIFEST
from mooring.runtime.store.store import Store
from tests.support import core, pasts

SYMBOLS = 6
BARS = core.random_bars(61, 60, SYMBOLS)
HOURS = [*range(0, 45, 4), 22, 23]
SVG = "{http://www.w3.org/2000/svg}"


def close_of(row):
    return int(BARS.ts[row]) + 3600


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A run with a kill and a cancellation between its hours."""
    path = tmp_path_factory.mktemp("graph") / "m.db"
    with Store.open(path) as store:
        made = pasts.engine(store, BARS)
        pasts.ahead(made, 22)
        made.kill("test")
        pasts.ahead(made, 1)
        made.release()
        pasts.ahead(made, 25)
    with closing(Reader.open(path)) as opened:
        yield opened


def graph_of(reader, row):
    return hour_graph(reader, reader.latest_run(), close_of(row))


@pytest.mark.parametrize("row", HOURS)
def test_every_row_of_the_hour_is_a_node_and_every_parent_an_edge(reader, row):
    graph = graph_of(reader, row)
    nodes = {node["id"]: node for node in graph["nodes"]}
    rows = reader.hour(reader.latest_run()["run_id"], close_of(row))
    inside = {each["row_hash"]: each["parent_hash"] for table in rows.values() for each in table}
    assert {name for name, node in nodes.items() if not node["outside"]} == inside.keys()
    edges = {(edge["from"], edge["to"]) for edge in graph["edges"]}
    assert edges == {(parent, name) for name, parent in inside.items() if parent != ZERO}
    assert all(source in nodes for source, _ in edges)


@pytest.mark.parametrize("row", HOURS)
def test_each_chain_grows_by_the_rows_of_the_hour_and_ends_with_the_last_of_them(reader, row):
    graph = graph_of(reader, row)
    assert graph["chains"].keys() == set(IN_MANIFEST)
    for table, ends in graph["chains"].items():
        mine = [node for node in graph["nodes"] if node["table"] == table and not node["outside"]]
        assert ends["after"]["count"] - ends["before"]["count"] == len(mine)
        assert ends["after"]["head"] == (mine[-1]["id"] if mine else ends["before"]["head"])


def test_the_root_of_the_hour_before_is_named(reader):
    assert graph_of(reader, 0)["previous_root"] == ZERO
    assert graph_of(reader, 5)["previous_root"] == graph_of(reader, 4)["root"]


def test_an_hour_that_was_not_done_has_no_graph(reader):
    with pytest.raises(NotFound, match="has no hour"):
        hour_graph(reader, reader.latest_run(), close_of(59))


def boxes(root):
    return [tuple(int(box.get(name)) for name in ("x", "y", "width", "height")) for box in root.iter(f"{SVG}rect")]


@pytest.mark.parametrize("row", HOURS)
def test_the_picture_shows_every_table_and_no_card_lies_on_another_or_outside(reader, row):
    graph = graph_of(reader, row)
    root = ET.fromstring(draw(graph))
    cards = boxes(root)
    assert len(cards) == len({(node["table"], node["outside"]) for node in graph["nodes"]})
    _, _, width, height = (int(part) for part in root.get("viewBox").split())
    for x, y, w, h in cards:
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height
    for (x1, y1, w1, h1), (x2, y2, w2, h2) in combinations(cards, 2):
        assert x1 + w1 <= x2 or x2 + w2 <= x1 or y1 + h1 <= y2 or y2 + h2 <= y1


@pytest.mark.parametrize("row", HOURS)
def test_every_curve_leads_to_the_right(reader, row):
    root = ET.fromstring(draw(graph_of(reader, row)))
    for path in root.iter(f"{SVG}path"):
        numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", path.get("d"))]
        assert numbers[0] < numbers[-2]


def test_a_table_with_many_rows_shows_the_first_and_how_many_more(reader):
    graph = graph_of(reader, 20)
    signals = [node for node in graph["nodes"] if node["table"] == "signals"]
    assert len(signals) > SHOWN_MAX
    text = draw(graph)
    assert f"and {len(signals) - SHOWN} more" in text
    assert signals[SHOWN - 1]["id"] in text
    assert f"hash {signals[SHOWN]['id']}" not in text


def test_the_picture_loads_nothing_and_runs_nothing(reader):
    text = draw(graph_of(reader, 20)).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|<script|href|url\(|@import|<foreignObject", text)
    assert "prefers-color-scheme: dark" in text


def test_names_are_written_as_text_whatever_they_are(reader):
    graph = graph_of(reader, 20)
    graph["run_id"] = "<b>&\"'"
    for node in graph["nodes"]:
        node["key"] = {"symbol": "<i>&"}
    ET.fromstring(draw(graph))


def test_every_table_of_an_hour_has_its_place_in_the_picture():
    assert {*IN_MANIFEST, "manifests", "snapshots"} == PLACES.keys()
