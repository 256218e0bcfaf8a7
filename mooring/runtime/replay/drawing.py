"""A picture of the graph of one hour: tables as cards from left to right as data flows, rows as lines in them.

In lanes: above, from bars over signals and decisions to orders, fills and books; below, from the cycle over positions
and equity to the manifest; then what stands beside. Tables with many rows show the first, and one line for all others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from xml.sax.saxutils import escape

from mooring.runtime.replay.found import hour_text

# (lane, column) of each table, so that every edge leads to the right; the second of the two places rows of other hours.
ABOVE, BELOW, BESIDE = range(3)
LANES: Final = 3
PLACES: Final = {
    "bars": (ABOVE, 0),
    "features": (ABOVE, 1),
    "model_outputs": (ABOVE, 2),
    "signals": (ABOVE, 3),
    "decisions": (ABOVE, 4),
    "risk_states": (ABOVE, 5),
    "order_intents": (ABOVE, 5),
    "order_events": (ABOVE, 6),
    "fills": (ABOVE, 6),
    "venue_fills": (ABOVE, 7),
    "lots": (ABOVE, 7),
    "trades": (ABOVE, 7),
    "ledger": (ABOVE, 7),
    "campaigns": (ABOVE, 7),
    "cycles": (BELOW, 1),
    "positions": (BELOW, 4),
    "equity": (BELOW, 5),
    "manifests": (BELOW, 7),
    "snapshots": (BESIDE, 2),
    "alerts": (BESIDE, 2),
    "movements": (BESIDE, 3),
    "reconciles": (BESIDE, 4),
    "treasury": (BESIDE, 6),
}
PLACES_OUTSIDE: Final = {"manifests": (BELOW, 0), "order_intents": (ABOVE, 4), "fills": (ABOVE, 5)}
COLUMNS: Final = 8

CARD, GAP, LINE, HEAD, PAD = 196, 64, 17, 40, 8
MARGIN, TITLE, BETWEEN = 24, 76, 16
SHOWN_MAX: Final = 7
SHOWN: Final = 5  # of a table with more
LABEL_MAX: Final = 17
HASH: Final = 8

STYLE: Final = """
svg { color-scheme: light dark; --paper: #ffffff; --card: #f7f8f8; --line: #d5dadb; --ink: #1b2426; --soft: #647274;
  --accent: #0f6b6b; --edge: #9fb2b2; --outside: #eef1f1; background: var(--paper); }
@media (prefers-color-scheme: dark) {
  svg { --paper: #12181a; --card: #1b2325; --line: #344144; --ink: #e6ecec; --soft: #95a5a7; --accent: #5fc4bf;
    --edge: #4d6367; --outside: #161d1f; }
}
text { font: 11px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--ink); }
.title { font-size: 18px; font-weight: 600; }
.soft { fill: var(--soft); }
.name { font-weight: 600; font-size: 12px; }
.hash { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 10px; fill: var(--soft); }
.card { fill: var(--card); stroke: var(--line); }
.outside { fill: var(--outside); stroke: var(--line); stroke-dasharray: 4 3; }
.end { stroke: var(--accent); }
.edge { fill: none; stroke: var(--edge); }
.dot { fill: var(--edge); }
.count { font-size: 9px; fill: var(--soft); text-anchor: middle; paint-order: stroke; stroke: var(--paper);
  stroke-width: 3px; }
"""


@dataclass(kw_only=True)
class Card:
    """One table, or the rows of a table that are of other hours."""

    table: str
    outside: bool
    nodes: list[Mapping[str, Any]] = field(default_factory=list)
    x: int = 0
    y: int = 0

    @property
    def shown(self) -> int:
        """How many rows have a line of their own."""
        return len(self.nodes) if len(self.nodes) <= SHOWN_MAX else SHOWN

    @property
    def lines(self) -> int:
        """Lines in the card."""
        return self.shown + (self.shown < len(self.nodes))

    @property
    def height(self) -> int:
        """In pixels."""
        return HEAD + self.lines * LINE + PAD

    def middle(self, at: int) -> int:
        """Height of the line of a row."""
        return self.y + HEAD + min(at, self.shown) * LINE + LINE // 2 - 2


def draw(graph: Mapping[str, Any]) -> str:
    """The graph of an hour (of `graph.hour_graph`) as an SVG document."""
    cards = _cards(graph["nodes"])
    height = _lay_out(cards)
    width = 2 * MARGIN + COLUMNS * CARD + (COLUMNS - 1) * GAP
    box = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img" aria-labelledby="title">',
        f'<title id="title">The rows of the hour that closed at {escape(graph["hour"])}</title>',
        f"<style>{STYLE}</style>",
        *_heading(graph),
        *_edges(cards, graph["edges"]),
    ]
    for card in cards:
        parts += _card(card, graph)
    return "\n".join([*parts, "</svg>", ""])


def _cards(nodes: Sequence[Mapping[str, Any]]) -> list[Card]:
    found: dict[tuple[str, bool], Card] = {}
    for node in nodes:
        key = (node["table"], node["outside"])
        found.setdefault(key, Card(table=node["table"], outside=node["outside"])).nodes.append(node)
    order = list(PLACES)
    return sorted(found.values(), key=lambda card: (order.index(card.table), not card.outside))


def _place(card: Card) -> tuple[int, int]:
    return (PLACES_OUTSIDE if card.outside else {}).get(card.table) or PLACES[card.table]


def _lay_out(cards: Sequence[Card]) -> int:
    """Give each card its place; the height of the picture."""
    top = TITLE
    for lane in range(LANES):
        ends = [top] * COLUMNS
        for card in sorted((card for card in cards if _place(card)[0] == lane), key=lambda card: card.outside):
            column = _place(card)[1]
            # Orders of other hours lead past the next column: below all that stands there.
            past = card.outside and card.table == "order_intents"
            free = max(ends[column : column + 2]) if past else ends[column]
            card.x = MARGIN + column * (CARD + GAP)
            card.y = free
            ends[column] = free + card.height + BETWEEN
        top = max(ends) + (BETWEEN if max(ends) > top else 0)
    return top


def _heading(graph: Mapping[str, Any]) -> list[str]:
    rows = sum(not node["outside"] for node in graph["nodes"])
    said = f"{rows} rows · root {graph['root']}"
    return [
        f'<text class="title" x="{MARGIN}" y="34">Hour {escape(graph["hour"])}</text>',
        f'<text class="soft" x="{MARGIN}" y="54">Run {escape(graph["run_id"])} · {said}</text>',
    ]


def _edges(cards: Sequence[Card], edges: Sequence[Mapping[str, str]]) -> list[str]:
    """One curve for each pair of lines that rows follow each other between, wider and counted where there are many."""
    ports = {
        node["id"]: (index, min(at, card.shown))
        for index, card in enumerate(cards)
        for at, node in enumerate(card.nodes)
    }
    pairs = Counter((ports[edge["from"]], ports[edge["to"]]) for edge in edges)
    drawn, told = [], []
    for ((source, out), (target, into)), count in sorted(pairs.items()):
        parent, child = cards[source], cards[target]
        x1, y1 = parent.x + CARD, parent.middle(out)
        x2, y2 = child.x, child.middle(into)
        wide = min(1 + count / 8, 6)
        turn, bend = x2 - GAP, GAP // 2  # along the lane, and up or down only before the column it leads to
        curve = f"M{x1} {y1} H{turn} C{turn + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
        drawn.append(f'<path class="edge" stroke-width="{wide:.1f}" d="{curve}"/>')
        drawn.append(f'<circle class="dot" cx="{x2}" cy="{y2}" r="2.5"/>')
        if count > 1:
            told.append(f'<text class="count" x="{x2 - 14}" y="{y2 - 4}">{count}</text>')
    return [*drawn, *told]


def _card(card: Card, graph: Mapping[str, Any]) -> list[str]:
    chain = graph["chains"].get(card.table)
    count = f"{len(card.nodes)} row{'s' if len(card.nodes) != 1 else ''}"
    if card.outside:
        under = "before this hour"
    elif chain is None:
        under = count
    else:
        under = f"{count} · chain end {chain['after']['head'][:HASH]}"
    look = "outside" if card.outside else "card end" if card.table == "manifests" else "card"
    parts = [
        f'<rect class="{look}" x="{card.x}" y="{card.y}" width="{CARD}" height="{card.height}" rx="6"/>',
        f'<text class="name" x="{card.x + 10}" y="{card.y + 17}">{escape(card.table)}</text>',
        f'<text class="soft" x="{card.x + 10}" y="{card.y + 31}">{escape(under)}</text>',
    ]
    for at, node in enumerate(card.nodes[: card.shown]):
        y = card.middle(at) + 4
        hover = f"{card.table} row {node['seq']}\nhash {node['id']}\nparent {node['parent'] or 'none'}"
        parts += [
            f"<g><title>{escape(hover)}</title>",
            f'<text x="{card.x + 10}" y="{y}">{escape(_label(node))}</text>',
            f'<text class="hash" text-anchor="end" x="{card.x + CARD - 10}" y="{y}">{node["id"][:HASH]}</text></g>',
        ]
    if card.shown < len(card.nodes):
        left = len(card.nodes) - card.shown
        parts.append(f'<text class="soft" x="{card.x + 10}" y="{card.middle(card.shown) + 4}">and {left} more</text>')
    return parts


def _label(node: Mapping[str, Any]) -> str:
    """What a row is called in a line: its key, ids cut to their beginning."""
    key = node["key"]
    if "hour_ts_utc" in key:
        return hour_text(int(key["hour_ts_utc"]))[:16]
    words = [_short(name, value) for name, value in key.items()]
    text = " ".join(words) or f"row {node['seq']}"
    return text if len(text) <= LABEL_MAX else f"{text[: LABEL_MAX - 1]}…"


def _short(name: str, value: Any) -> str:
    return str(value)[:HASH] if name.endswith("_id") else str(value)
