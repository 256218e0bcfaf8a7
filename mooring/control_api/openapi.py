"""Writes the OpenAPI document: `python -m mooring.control_api.openapi [FILE]`, by default docs/openapi.json."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

import orjson
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from mooring.control_api.app import create_app
from mooring.control_api.auth import Tokens
from mooring.control_api.bundles_area import BundlesArea
from mooring.control_api.events import EventHub
from mooring.control_api.evidence_area import EvidenceArea
from mooring.control_api.models import Problem
from mooring.control_api.operations import Operations
from mooring.control_api.problems import MEDIA_TYPE

DEFAULT: Final = Path("docs/openapi.json")
_PLACEHOLDER: Final = "0" * 64  # only the shape is asked for; this app is never served


def document() -> dict[str, Any]:
    """The document of the API as it is in this version."""
    # The routes only hold on to the runtime until they are called, and nobody calls them here.
    none: Any = object.__new__(_NoRuntime)
    hub = EventHub()
    operations = Operations(hub, lambda: _PLACEHOLDER, lambda: _PLACEHOLDER)
    area = EvidenceArea(evidence=none, operations=operations)
    bundles = BundlesArea(work=none, operations=operations)
    tokens = Tokens(_PLACEHOLDER, lambda: _PLACEHOLDER, limit=1)
    api = create_app(
        none, hub, tokens, evidence=area, onboarding=none, own_secrets=none, settings=none, bundles=bundles
    )
    api.close()
    operations.close()
    app = api.app
    made = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, openapi_version="3.1.0"
    )
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    problem = TypeAdapter(Problem).json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    components["responses"] = _share_problems(made["paths"])
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    return made


def encoded() -> bytes:
    """The document as it stands in the file: the same bytes from the same code."""
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def _share_problems(paths: dict[str, Any]) -> dict[str, Any]:
    """Put each problem's response into one place, and let the routes point there."""
    shared: dict[str, Any] = {}
    for operations in paths.values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if response.get("content", {}).keys() == {MEDIA_TYPE}:
                    name = f"Problem{status}"
                    shared[name] = response
                    operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return shared


class _NoRuntime:
    """Nothing is served by it, but its methods can be named."""

    def __getattr__(self, name: str) -> None:
        return None


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("file", type=Path, nargs="?", default=DEFAULT)
    asked.parse_args().file.write_bytes(encoded())
