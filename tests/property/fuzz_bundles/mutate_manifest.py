"""Mutations of a manifest and of an offer: each of them makes it one that must not be taken, also if it were signed."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.property.fuzz_bundles.mutate_archive import Entry, entries_of, written
from tests.property.fuzz_bundles.verdicts import (
    Mutant,
    Original,
    at,
    canonical,
    custom_for,
    judge_archive,
    judge_manifest,
    pick,
    places,
)

Document = dict[str, Any]
# Where a key stands for itself, and is none of the format's fields.
FREE: Final = ("files", "strategy.parameters", "eval.metrics", "eval.summary", "eval.folds.*")
MAPS: Final = {"files", "parameters", "metrics", "summary"}


def manifest_mutant(original: Original, chance: random.Random, folder: Path) -> Mutant | None:
    """One mutation of a manifest's bytes or fields, alone or in an archive that was made and offered for it."""
    name, make = pick(chance, KINDS.items())
    data = make(original, chance)
    if data is None or data == original.manifest_bytes:
        return None
    if chance.random() < 0.1:  # as a whole bundle, signed by somebody who has the keys
        return _whole(name, original, data, folder)
    return Mutant(name=f"manifest {name}", judge=lambda: judge_manifest(data))


def _whole(name: str, original: Original, data: bytes, folder: Path) -> Mutant | None:
    try:
        custom = custom_for(original, data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    entries = [Entry(b"manifest.json", data), *entries_of(original)[1:]]
    archive = written(entries)
    return Mutant(name=f"signed {name}", judge=lambda: judge_archive(archive, custom, folder))


def custom_mutant(original: Original, chance: random.Random, folder: Path) -> Mutant | None:
    """An offer that says something else than the bundle does."""
    custom = json.loads(json.dumps(dict(original.custom)))
    spot = pick(chance, places(custom))
    if spot == ("released_at",):
        return None
    above, key = at(custom, spot[:-1]), spot[-1]
    old = above[key]
    new = _other(old, chance)
    if chance.random() < 0.2:
        del above[key]
    elif chance.random() < 0.1:
        custom["more"] = 1
    elif new == old and type(new) is type(old):
        return None
    else:
        above[key] = new
    return Mutant(name="offer", judge=lambda: judge_archive(original.archive, custom, folder))


def _other(value: Any, chance: random.Random) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return chance.choice((value + 1, -value - 1, 0, float(value), str(value), 1 << 60, None, value == 1))
        case str():
            return chance.choice(
                (value + "x", value[:-1], value.upper(), "", None, [value], f"{value}\x1b[2J", value * 500)
            )
        case list():
            return chance.choice(([*value, *value], [], value[:-1], {"0": value}, [None]))
        case dict():
            return chance.choice(({}, [value], {**value, "more": 1}, None))
        case _:
            return chance.choice((1, "x", []))


def _refused_by_bytes(original: Original, chance: random.Random) -> bytes:
    """Not the canonical spelling: blanks, other orders, escapes, repeated keys, other numbers for the same value."""
    data, text, document = original.manifest_bytes, original.manifest_bytes.decode(), original.document
    spot = chance.choice([match.start() for match in re.finditer(r"[,:{}\[\]]", text)])
    key = chance.choice(sorted(document)).encode()
    number = chance.choice(re.findall(r"(?<=:)[0-9]+(?=[,}])", text))
    other = chance.choice((f"{number}.0", f"{number}e0", f"0{number}", f"+{number}", f"-{number}.5", f"{number}E+0"))
    inserted = chance.choice(("\udc80", "\x00", "b\nundle"))
    depth = chance.choice((20, 5_000, 200_000))
    makers: list[Callable[[], bytes]] = [
        lambda: data[:spot] + chance.choice((b" ", b"\n", b"\t", b"\r\n")) + data[spot:],
        lambda: json.dumps(dict(reversed(document.items())), separators=(",", ":")).encode(),
        lambda: json.dumps(document, indent=chance.choice((None, 1))).encode(),
        lambda: data[:-1] + b',"' + key + b'":' + canonical(document[key.decode()]) + b"}",
        lambda: text.replace("a", "\\u0061", 1).encode(),
        lambda: text.replace(f":{number}", f":{other}", 1).encode(),
        lambda: chance.choice((b"\xef\xbb\xbf" + data, data + b"\n", b" " + data, data[:-1], data + data)),
        lambda: text.encode("utf-16"),
        lambda: text.replace("bundle", inserted, 1).encode("utf-8", "surrogatepass"),
        lambda: b"[" * depth + b"]" * depth,
        lambda: b'{"a":' * depth + b"1" + b"}" * depth,
    ]
    return chance.choice(makers)()


def _noise(original: Original, chance: random.Random) -> bytes | None:
    """Random bytes changed; only those that leave no canonical JSON count, the others may be another good manifest."""
    data = bytearray(original.manifest_bytes)
    for _time in range(chance.choice((1, 2, 5))):
        spot = chance.randrange(len(data))
        data[spot : spot + chance.choice((0, 1, 1, 3))] = chance.randbytes(chance.choice((0, 1, 1, 2)))
    try:
        same = canonical(json.loads(bytes(data))) == bytes(data)
    except (ValueError, RecursionError):
        same = False
    return None if same else bytes(data)


def _field_name(spot: tuple[Any, ...]) -> bool:
    """Whether a place is a field of the format, and not a key that its publisher chooses."""
    return isinstance(spot[-1], str) and not (
        len(spot) > 1 and (spot[-2] in MAPS or (len(spot) > 2 and spot[-3] == "folds"))
    )


def _missing(original: Original, chance: random.Random) -> bytes:
    document = original.document
    spot = pick(chance, [place for place in places(document) if _field_name(place)])
    del at(document, spot[:-1])[spot[-1]]
    return canonical(document)


def _unknown(original: Original, chance: random.Random) -> bytes:
    document = original.document
    dicts = [place for place in places(document) if isinstance(at(document, place), dict) and place[-1] not in MAPS]
    spot = chance.choice([(), *[place for place in dicts if "folds" not in place]])
    at(document, spot)[chance.choice(("more", "__class__", "size2", "Format", "eval_"))] = chance.choice(
        (1, "x", None, [], {})
    )
    return canonical(document)


def _kind(original: Original, chance: random.Random) -> bytes:
    """Something of another type at any place."""
    document = original.document
    spot = pick(chance, places(document))
    above, key = at(document, spot[:-1]), spot[-1]
    others: list[Any] = [1, True, "x", None, [], {}, ["x"], {"x": 1}, [[]]]
    old = above[key]
    wrong = [other for other in others if type(other) is not type(old)]
    if spot[:1] == ("models",) and spot[-1] == "symbol":  # of a specialist, and nobody else's
        wrong = [other for other in wrong if other is not None]
    if spot[-2:-1] == ("shape",):
        wrong = [other for other in wrong if other != 1]
    above[key] = chance.choice(wrong)
    return canonical(document)


def _bounds(original: Original, chance: random.Random) -> bytes:
    """A number, a text or a list past what its field may hold."""
    document = original.document
    spot = pick(chance, [place for place in places(document) if place[0] != "notes"])
    above, key = at(document, spot[:-1]), spot[-1]
    match above[key]:
        case bool() | None:
            return b""
        case int():
            above[key] = chance.choice((-(2**53) - 1 + 2, 2**53 - 1, -(2**40))) if key == "size" else -(2**53) + 1
            if spot[:2] == ("strategy", "parameters"):
                above["Risk.x"] = above.pop(key)
        case str():
            above[key] = chance.choice(
                ("x" * 5000, "", above[key] + "\n", above[key] + "\u202e", "\x1b" + above[key], "é\u0301" * 200)
            )
        case list():
            above[key] = above[key] * 300 if chance.random() < 0.5 else []
            if spot == ("eval", "gates") and not above[key]:
                above[key] = [{"metric": "x", "op": "~", "limit": "NaN"}]
        case dict():
            above[key] = {"A b": 1} if key == "parameters" else {}
            if key in {"metrics", "summary"}:
                above[key] = {f"x{number}": "1" for number in range(100)}
    return canonical(document)


def _paths(original: Original, chance: random.Random) -> bytes:
    """Names that leave the folder, meet another one, or are not as names are, everywhere they are spoken of."""
    document = original.document
    old = chance.choice(sorted(document["files"]))
    new = chance.choice((
        f"../{old}", f"/{old}", old.upper(), f"{old}/", f"./{old}", old.replace("/", "//") if "/" in old else f"{old}//x",
        f"a/b/c/d/{old}", f"{old}\\x", "manifest.json", f"manifest.json/{old}", "x" * 129, f"{old}é", f".{old}", f"{old}\0",
        f"models/../{old}", "con:", f"{old} ", "", ".", "..",
    ))  # fmt: skip
    entry = document["files"].pop(old)
    document["files"][new] = entry
    document = json.loads(json.dumps(document).replace(json.dumps(old), json.dumps(new)))
    return canonical(document)


def _above(original: Original, chance: random.Random) -> bytes:
    """A file that would also have to be a folder."""
    document = original.document
    old = chance.choice(sorted(document["files"]))
    document["files"][f"{old}/more"] = document["files"][old]
    return canonical(document)


def _agreement(original: Original, chance: random.Random) -> bytes:
    """Each field in its bounds, and two that do not go together."""
    document = original.document
    files, models, golden = document["files"], document["models"], document["golden"]
    fold = chance.choice(document["eval"]["folds"])
    changes: list[Callable[[], Any]] = [
        lambda: models.append(dict(models[0])),
        lambda: models.remove(next(model for model in models if model["role"] == "global")),
        lambda: models.append({**models[0], "path": "models/none.onnx", "role": "specialist", "symbol": "DOT-USDT"}),
        lambda: pick(chance, models).update(symbol="XRP-USDT"),
        lambda: pick(chance, models).update(path="features.json"),
        lambda: pick(chance, models).update(path="models/none.onnx"),
        lambda: pick(chance, models)["ops"].append("Add"),
        lambda: pick(chance, models)["inputs"][0].update(shape=["N", 999]),
        lambda: pick(chance, models)["inputs"][0].update(shape=[8, 4]),
        lambda: pick(chance, models)["inputs"][0].update(source="symbol"),
        lambda: pick(chance, models)["outputs"][0].update(name="scores"),
        lambda: document.update(valid_until=document["created_at"]),
        lambda: document.update(created_at="2020-01-01T00:00:00Z"),
        lambda: document.update(created_at="2026-13-01T00:00:00Z"),
        lambda: document["training"].update(data_from=document["training"]["data_to"]),
        lambda: document["rollback"].update(min_seq=document["seq"] + 1),
        lambda: document["requires"].update(feature_pipeline="core-2"),
        lambda: document["requires"].update(platform=["any", "dos"]),
        document["universe"]["symbols"].reverse,
        lambda: document["universe"]["symbols"].append(document["universe"]["symbols"][0]),
        lambda: document["universe"].update(symbols_sha256="0" * 64),
        lambda: golden.update(rows=golden["rows"] + 1),
        lambda: golden.update(inputs=golden["symbols"]),
        lambda: golden.update(outputs="golden/none.i64"),
        lambda: files[golden["inputs"]].update(size=1),
        lambda: files["report/evaluation.md"].update(size=256 * 1024 * 1024),
        lambda: files[models[0]["path"]].update(size=64 * 1024 * 1024 + 1),
        lambda: files.update({f"x{number}": files["features.json"] for number in range(200)}),
        lambda: fold.update({"from": fold["to"]}),
        lambda: fold.update(
            net_return=chance.choice(("NaN", "Infinity", "-inf", "1e5", "0x1", "1,5", "", "--1", "00"))
        ),
        lambda: fold.pop("trades"),
        lambda: fold.update(max_drawdown="-0.1"),
        document["eval"]["folds"].reverse,
        lambda: document["probation"].update(psi_max=chance.choice(("0", "-1", "11"))),
        lambda: document["feature_schema"].update(path=document["psi_reference"]),
        lambda: document.update(format="mooring-bundle/2"),
        lambda: document.update(channel="nightly"),
    ]
    chance.choice(changes)()
    return canonical(document)


KINDS: Final[dict[str, Callable[[Original, random.Random], bytes | None]]] = {
    "spelling": _refused_by_bytes, "noise": _noise, "missing": _missing, "unknown": _unknown, "kind": _kind,
    "bounds": _bounds, "paths": _paths, "above": _above, "agreement": _agreement,
}  # fmt: skip
