"""Each rule about the shape of the repository is seen to fail, and its allowances are seen to pass."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import check_tree
import pytest

ROOT = Path(__file__).resolve().parents[2]
SOMEBODY = "/home/somebody/mooring"  # tree-ok: nobody's, for the tests below
SOMEBODYS_MAC = "/Users/somebody"  # tree-ok: nobody's, for the tests below
REGISTRY = "https://" + "pypi.org/simple"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write(tmp_path, "mooring/__init__.py", '"""What it is."""\n')
    return tmp_path


def write(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def found(root: Path) -> list[str]:
    return [f"{f.path}:{f.line} {f.code}" for f in check_tree.check(root)]


def function(lines: int) -> str:
    return "def f():\n" + "    x = 1\n" * (lines - 1)


def test_a_tidy_tree_has_no_findings(tree: Path) -> None:
    assert found(tree) == []


@pytest.mark.parametrize("folder", ["mooring", "tools", "benchmarks", "tests/runtime"])
def test_400_lines_pass_and_401_do_not(tree: Path, folder: str) -> None:
    write(tree, f"{folder}/a.py", "x = 1\n" * 400)
    assert found(tree) == []
    write(tree, f"{folder}/a.py", "x = 1\n" * 401)
    assert found(tree) == [f"{folder}/a.py:1 long-file"]


@pytest.mark.parametrize("folder", ["mooring", "tools", "benchmarks"])
def test_a_function_of_60_lines_passes_and_one_of_61_does_not(tree: Path, folder: str) -> None:
    write(tree, f"{folder}/a.py", "@decorated\n" + function(60))
    assert found(tree) == []
    write(tree, f"{folder}/a.py", "@decorated\n" + function(61))
    assert found(tree) == [f"{folder}/a.py:2 long-function"]


def test_long_methods_and_coroutines_are_found(tree: Path) -> None:
    write(tree, "mooring/a.py", "class A:\n    async def f(self):\n" + "        x = 1\n" * 60)
    assert found(tree) == ["mooring/a.py:2 long-function"]


def test_a_test_may_be_long(tree: Path) -> None:
    write(tree, "tests/test_a.py", function(80))
    assert found(tree) == []


def test_a_package_without_init_is_found_at_every_level(tree: Path) -> None:
    write(tree, "mooring/a/b/c.py", "")
    assert found(tree) == ["mooring/a/__init__.py:1 no-init", "mooring/a/b/__init__.py:1 no-init"]


def test_an_init_that_says_nothing_is_found(tree: Path) -> None:
    write(tree, "mooring/a/__init__.py", "x = 1\n")
    assert found(tree) == ["mooring/a/__init__.py:1 no-init"]


def test_tests_and_tools_need_no_init(tree: Path) -> None:
    write(tree, "tests/a/test_b.py", "")
    write(tree, "tools/c.py", "")
    assert found(tree) == []


@pytest.mark.parametrize("marker", ["TODO", "FIXME", "XXX", "HACK", "WIP"])
@pytest.mark.parametrize("folder", ["mooring", "tools", "tests"])
def test_a_marker_of_unfinished_work_is_found(tree: Path, folder: str, marker: str) -> None:
    write(tree, f"{folder}/a.py", f"x = 1\ny = 2  # {marker} later\n")
    assert found(tree) == [f"{folder}/a.py:2 unfinished"]


@pytest.mark.parametrize("line", ["x = 'TODO'", "# XXBTZUSD", "raise_error(todo='Try again.')", "# todo is a field"])
def test_what_only_looks_like_a_marker_passes(tree: Path, line: str) -> None:
    write(tree, "mooring/a.py", f"{line}\n")
    assert found(tree) == []


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    raise NotImplementedError\n",
        "def f():\n    raise NotImplementedError('later')\n",
    ],
)
def test_not_implemented_is_found(tree: Path, source: str) -> None:
    write(tree, "mooring/a.py", source)
    assert found(tree) == ["mooring/a.py:2 stub"]


@pytest.mark.parametrize(
    "source",
    ["def f(): ...\n", "async def f():\n    ...\n", "class A:\n    def f(self):\n        'Says.'\n        ...\n"],
)
def test_an_empty_body_is_found(tree: Path, source: str) -> None:
    write(tree, "mooring/a.py", source)
    assert [line.split()[1] for line in found(tree)] == ["stub"]


@pytest.mark.parametrize(
    "source",
    [
        "class A(Protocol):\n    def f(self): ...\n",
        "class A(typing.Protocol[T]):\n    async def f(self): ...\n",
        "class A(ABC):\n    @abstractmethod\n    def f(self): ...\n",
        "@typing.overload\ndef f(x: int): ...\n",
        "def f():\n    pass\n",
    ],
)
def test_declarations_pass(tree: Path, source: str) -> None:
    write(tree, "mooring/a.py", source)
    assert found(tree) == []


@pytest.mark.parametrize(
    "line", [f"--index-url {REGISTRY}", f"a @ {REGISTRY}/a.whl", "--find-links wheels", "--extra-index-url x"]
)
def test_a_registry_in_requirements_is_found(tree: Path, line: str) -> None:
    write(tree, "requirements/base.txt", f"numpy==2.4.0 \\\n    --hash=sha256:00\n{line}\n")
    assert found(tree) == ["requirements/base.txt:3 registry"]


def test_a_registry_in_pyproject_is_found(tree: Path) -> None:
    write(tree, "pyproject.toml", f'[[tool.uv.index]]\nurl = "{REGISTRY}"\n')
    assert found(tree) == ["pyproject.toml:1 registry", "pyproject.toml:2 registry"]


def test_a_link_in_the_documentation_passes(tree: Path) -> None:
    write(tree, "docs/a.md", f"See {REGISTRY}.\n")
    assert found(tree) == []


def test_uv_lock_is_found_wherever_it_is(tree: Path) -> None:
    write(tree, "packaging/uv.lock", "")
    assert found(tree) == ["packaging/uv.lock:1 lock-file"]


@pytest.mark.parametrize("path", ["docs/a.md", "Makefile", ".github/workflows/ci.yml", "mooring/a.py", ".ci/run"])
@pytest.mark.parametrize("home", [SOMEBODY, SOMEBODYS_MAC, "C:" + r"\Users\somebody", "/" + "root/x"])
def test_a_home_directory_is_found(tree: Path, path: str, home: str) -> None:
    write(tree, path, f"# see\n# {home}\n")
    assert found(tree) == [f"{path}:2 home-path"]


@pytest.mark.parametrize("text", ["~/Library", "$HOME/x", f"https://example.org{SOMEBODY}", "a/home/b", "/home/<you>"])
def test_what_names_no_home_directory_passes(tree: Path, text: str) -> None:
    write(tree, "docs/a.md", f"{text}\n")
    assert found(tree) == []


@pytest.mark.parametrize("path", ["--help/01.png", "docs/-v.md", "docs/two words.md", "docs/a;b.md"])
def test_a_name_that_a_shell_reads_otherwise_is_found(tree: Path, path: str) -> None:
    write(tree, path, "text\n")
    assert found(tree) == [f"{path}:1 odd-name"]


def test_an_escape_with_a_reason_excuses_its_line_only(tree: Path) -> None:
    write(tree, "docs/a.md", f"{SOMEBODY} <!-- tree-ok: an example -->\n{SOMEBODY}\n{SOMEBODY} tree-ok:\n")
    assert found(tree) == ["docs/a.md:2 home-path", "docs/a.md:3 home-path"]


def test_length_has_no_escape(tree: Path) -> None:
    write(tree, "mooring/a.py", "# tree-ok: it grew\n" * 401)
    assert found(tree) == ["mooring/a.py:1 long-file"]


@pytest.mark.parametrize("folder", [".venv", ".git", ".tools", "build", "__pycache__", "mooring.egg-info"])
def test_what_tools_made_is_not_looked_at(tree: Path, folder: str) -> None:
    write(tree, f"{folder}/a.md", SOMEBODY)
    assert found(tree) == []


def test_data_is_not_looked_at(tree: Path) -> None:
    (tree / "a.bin").write_bytes(b"\0" + SOMEBODY.encode())
    (tree / "b.bin").write_bytes(b"\xff" + SOMEBODY.encode())
    assert found(tree) == []


def test_the_command_prints_findings_and_ends_with_1(tree: Path) -> None:
    command = [sys.executable, str(ROOT / "tools/check_tree.py"), str(tree)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    write(tree, "uv.lock", "")
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stdout.startswith("uv.lock:1: lock-file holds the registry's address")
