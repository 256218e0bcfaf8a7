"""Check that what decides stays pure: the same inputs give the same bits, on any machine, at any time.

Run from anywhere: `python tools/check_purity.py [ROOT]`. It reads the sources and imports nothing of them.
It prints `file:line: code message` for each finding and ends with 1 if there was one, 0 otherwise.

    code              where              what
    clock             decision, domain   clocks, waiting, threads, event loops
    randomness        decision, domain   random numbers and ids; hash() and id(), which differ between processes
    io                decision, domain   files, sockets, databases, processes, the environment, logs, print
    set-order         decision, domain   an order taken from a set
    dict-order        decision           an order taken from a dict or its views
    float-money       decision, domain   money held, converted or divided as floating point
    reduction         decision           sums whose order of additions is not written down
    transcendental    decision           results that differ between mathematical libraries: exp, log, pow, ...
    dynamic-code      all of mooring     eval, exec, pickle and whatever unpickles
    escape            all of mooring     an escape comment without a reason, or one that excuses nothing

"decision" is mooring/runtime/decision and the modules of the hour that the daemon and the backtest share, which
purity_rules.py lists as SHARED_HOUR. A line is excused by a comment on it: `# pure-ok: the reason`.
"""

from __future__ import annotations

import ast
import builtins
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from purity_rules import (
    CLOCK_METHODS,
    DICT_TYPES,
    DICT_VIEWS,
    DYNAMIC,
    EXACT,
    FLOAT_TYPES,
    MONEY_WORDS,
    ORDER_METHODS,
    ORDER_TAKERS,
    PURE,
    REDUCTIONS,
    SET_METHODS,
    SET_TYPES,
    SHARED_HOUR,
    Ban,
    Zone,
)

ESCAPE: Final = re.compile(r"#\s*pure-ok\b:?\s*(?P<reason>.*)")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that must change, or be excused with a reason."""

    path: str
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.code} {self.message}"


def zone_of(path: str) -> Zone:
    """The zone of a path relative to the root, with forward slashes."""
    return Zone.DECISION if path in SHARED_HOUR else next(zone for zone in Zone if path.startswith(zone.value))


def imported_names(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for, as a dotted name: {"np": "numpy", "now": "time.time"}."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.name if alias.asname else alias.name.split(".")[0]
                names[alias.asname or bound] = bound
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def bound_names(tree: ast.Module) -> set[str]:
    """Names that a module assigns, declares or takes as arguments."""
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    return stored | {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}


def last_names(node: ast.AST) -> Iterator[str]:
    """Every name and attribute that an expression mentions."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr


def is_money(name: str) -> bool:
    """Whether one of the words of a snake_case name means money or a quantity."""
    return not MONEY_WORDS.isdisjoint(name.lower().split("_"))


def mentions_money(node: ast.AST) -> bool:
    """Whether an expression mentions a name that means money."""
    return any(is_money(name) for name in last_names(node))


def mentions_float(annotation: ast.AST | None) -> bool:
    """Whether an annotation, also one in quotes, says floating point."""
    if annotation is None:
        return False
    quoted = [p.value for p in ast.walk(annotation) if isinstance(p, ast.Constant) and isinstance(p.value, str)]
    words = {*last_names(annotation), *(word for text in quoted for word in re.findall(r"\w+", text))}
    return not FLOAT_TYPES.isdisjoint(words)


def is_constant(node: ast.AST) -> bool:
    """A number written out, with or without a sign."""
    return isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and is_constant(node.operand))


class Checker:
    """Walks one module. `kinds` holds the names known to be a set or a dict where the walk is."""

    def __init__(self, tree: ast.Module, zone: Zone) -> None:
        self.zone = zone
        self.imports = imported_names(tree)
        self.bound = bound_names(tree)
        self.called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
        self.found: list[tuple[ast.AST, str, str]] = []
        self.bans: tuple[Ban, ...] = (DYNAMIC,)
        if zone is not Zone.ELSEWHERE:
            self.bans += PURE
        if zone is Zone.DECISION:
            self.bans += EXACT
        self.walk(tree, self.kinds_in(tree))

    def say(self, node: ast.AST, code: str, message: str) -> None:
        self.found.append((node, code, message))

    def walk(self, node: ast.AST, kinds: dict[str, str]) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            kinds = {**kinds, **self.kinds_in(node)}
        self.check_names(node)
        if self.zone is not Zone.ELSEWHERE:
            self.check_order(node, kinds)
            self.check_money(node)
        if self.zone is Zone.DECISION:
            self.check_exactness(node)
        for child in ast.iter_child_nodes(node):
            self.walk(child, kinds)

    def dotted(self, node: ast.AST) -> str:
        """The dotted name behind an expression, seen through imports; empty where it is none."""
        if isinstance(node, ast.Name):
            if node.id in self.imports:
                return self.imports[node.id]
            # A column may be called `open`; only a call of it is the built-in all the same.
            is_builtin = hasattr(builtins, node.id) and (node in self.called or node.id not in self.bound)
            return f"builtins.{node.id}" if is_builtin else ""
        if isinstance(node, ast.Attribute):
            base = self.dotted(node.value)
            return f"{base}.{node.attr}" if base else ""
        return ""

    def check_names(self, node: ast.AST) -> None:
        """Imports and uses of what is banned by name."""
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, (ast.Attribute, ast.Name)):
            names = [self.dotted(node)]
        for name in filter(None, names):
            ban = next((ban for ban in self.bans if ban.hits(name)), None)
            if ban is not None:
                self.say(node, ban.code, ban.message.format(name=name.removeprefix("builtins.")))
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and not self.is_false(node.value):
            self.say(node.value, DYNAMIC.code, DYNAMIC.message.format(name="allow_pickle"))

    @staticmethod
    def is_false(node: ast.AST) -> bool:
        return isinstance(node, ast.Constant) and node.value is False

    def kinds_in(self, scope: ast.AST) -> dict[str, str]:
        """Names annotated or assigned as a set or a dict somewhere in a scope; none where nobody asks."""
        kinds: dict[str, str] = {}
        if self.zone is Zone.ELSEWHERE:
            return kinds
        for node in ast.walk(scope):
            if isinstance(node, ast.arg) and node.annotation is not None:
                kinds[node.arg] = self.kind_of_annotation(node.annotation)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                kinds[node.target.id] = self.kind_of_annotation(node.annotation)
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        kinds[target.id] = self.kind(node.value, kinds) or kinds.get(target.id, "")
        return kinds

    @staticmethod
    def kind_of_annotation(annotation: ast.AST) -> str:
        outer = annotation.value if isinstance(annotation, ast.Subscript) else annotation
        name = outer.attr if isinstance(outer, ast.Attribute) else outer.id if isinstance(outer, ast.Name) else ""
        return "set" if name in SET_TYPES else "dict" if name in DICT_TYPES else ""

    def kind(self, node: ast.AST, kinds: dict[str, str]) -> str:
        """What an expression is, as far as it shows: "set", "dict" or nothing."""
        match node:
            case ast.Name(id=name):
                found = kinds.get(name, "")
            case ast.Set() | ast.SetComp():
                found = "set"
            case ast.Dict() | ast.DictComp():
                found = "dict"
            case ast.BinOp(left=left, right=right):
                found = self.kind(left, kinds) or self.kind(right, kinds)
            case ast.Call(func=ast.Attribute(attr=method), args=[]) if method in DICT_VIEWS:
                found = "dict"
            case ast.Call(func=ast.Attribute(attr=method, value=owner)) if method in SET_METHODS:
                found = self.kind(owner, kinds)
            case ast.Call(func=function):
                found = self.kind_of_annotation(function)
            case _:
                found = ""
        return found

    def check_order(self, node: ast.AST, kinds: dict[str, str]) -> None:
        """Whatever takes its order from a set or a dict."""
        taken: list[ast.AST] = []
        if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            taken = [node.iter]
        elif isinstance(node, (ast.Starred, ast.YieldFrom)):
            taken = [node.value]
        elif isinstance(node, ast.Call):
            takers = ORDER_METHODS if isinstance(node.func, ast.Attribute) else ORDER_TAKERS
            if self.tail(node.func) in takers:
                taken = [*node.args]
            elif isinstance(node.func, ast.Attribute) and node.func.attr == "pop" and not node.args:
                taken = [node.func.value] if self.kind(node.func.value, kinds) == "set" else []
        for source in taken:
            kind = self.kind(source, kinds)
            if kind == "set":
                self.say(source, "set-order", "a set has no order; go through sorted(...) or a tuple")
            elif kind == "dict" and self.zone is Zone.DECISION:
                self.say(source, "dict-order", "the step goes through tuples and arrays in a stated order, not dicts")

    def check_money(self, node: ast.AST) -> None:
        """Money as floating point: annotations, conversions, true division, fractions written as floats."""
        code = "float-money"
        if isinstance(node, ast.arg) and is_money(node.arg) and mentions_float(node.annotation):
            self.say(node, code, f"{node.arg} is annotated as a float; money is an integer")
        elif isinstance(node, ast.AnnAssign) and mentions_float(node.annotation):
            name = next(last_names(node.target), "")
            if is_money(name):
                self.say(node, code, f"{name} is annotated as a float; money is an integer")
        elif isinstance(node, ast.FunctionDef) and is_money(node.name) and mentions_float(node.returns):
            self.say(node, code, f"{node.name} returns a float; money is an integer")
        elif isinstance(node, ast.Call):
            to_float = any(name in FLOAT_TYPES for name in (self.tail(node.func), *map(self.tail, node.args)))
            cast = self.tail(node.func) in FLOAT_TYPES or (self.tail(node.func) == "astype" and to_float)
            if cast and any(mentions_money(part) for part in (*node.args, node.func)):
                self.say(node, code, "money becomes a float here; keep ticks, lots and 10^-8 units")
        elif isinstance(node, (ast.BinOp, ast.AugAssign)):
            sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
            if not any(mentions_money(side) for side in sides):
                return
            if isinstance(node.op, ast.Div):
                self.say(node, code, "/ makes a float of money; use mul_div or //")
            elif any(isinstance(side, ast.Constant) and isinstance(side.value, float) for side in sides):
                self.say(node, code, "a fraction written as a float meets money; write it as a rate in ppm")

    @staticmethod
    def tail(node: ast.AST) -> str:
        return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""

    def check_exactness(self, node: ast.AST) -> None:
        """What names alone do not show: methods and operators."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            if not self.dotted(node.func):
                if name in REDUCTIONS:
                    self.say(node, "reduction", f".{name}() adds in an order nobody wrote down; write the loop")
                if name in CLOCK_METHODS:
                    self.say(node, "clock", f".{name}() reads a clock or waits; the step takes the time of the bar")
        if isinstance(node, (ast.BinOp, ast.AugAssign)):
            sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
            if isinstance(node.op, ast.MatMult):
                self.say(node, "reduction", "@ adds in an order nobody wrote down; write the loop")
            elif isinstance(node.op, ast.Pow) and not all(is_constant(side) for side in sides):
                self.say(
                    node, "transcendental", "** is not exact for floats; multiply, or hold the power as a constant"
                )


def escapes(source: str) -> dict[int, str]:
    """Reasons of the escape comments, by line."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = ((t.start[0], ESCAPE.search(t.string)) for t in tokens if t.type == tokenize.COMMENT)
    return {line: match["reason"].strip() for line, match in comments if match}


def check_source(source: str, path: str) -> list[Finding]:
    """All findings in one module; `path` is relative to the root and says which rules hold."""
    excused = escapes(source)
    used: set[int] = set()
    findings: dict[tuple[int, str], Finding] = {}
    for node, code, message in Checker(ast.parse(source, path), zone_of(path)).found:
        first = getattr(node, "lineno", 1)
        last = first if isinstance(node, ast.FunctionDef) else getattr(node, "end_lineno", None) or first
        lines = [line for line in range(first, last + 1) if line in excused]
        used.update(lines)
        if not any(excused[line] for line in lines):
            findings.setdefault((first, code), Finding(path=path, line=first, code=code, message=message))
    for line, reason in excused.items():
        if not reason:
            message = "an escape needs its reason: # pure-ok: the reason"
            findings[line, "escape"] = Finding(path=path, line=line, code="escape", message=message)
        elif line not in used:
            message = "this escape excuses nothing; take it out"
            findings[line, "escape"] = Finding(path=path, line=line, code="escape", message=message)
    return sorted(findings.values(), key=lambda f: (f.path, f.line, f.code))


def check(root: Path) -> list[Finding]:
    """All findings below `root`/mooring."""
    paths = sorted((root / "mooring").rglob("*.py"))
    return [f for p in paths for f in check_source(p.read_text("utf-8"), p.relative_to(root).as_posix())]


def main(arguments: list[str]) -> int:
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    findings = check(root)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
