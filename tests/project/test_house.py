"""What holds for the project as a whole: which room may import which, quick import, the files that must agree."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import failscope as fs

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "failscope"
ROOMS = [
    "errors",
    "traces",
    "surface",
    "review",
    "golden",
    "guard",
    "report",
    "workspace",
]  # each may import those before it
TOP = {"workbench", "charts", "cli"}
HEAVY = {
    "torch",
    "sentence_transformers",
    "numba",
    "umap",
    "hdbscan",
    "pacmap",
    "pynndescent",
    "networkit",
    "faiss",
    "model2vec",
}


def _imports(path: Path, *, top_level: bool) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level else list(ast.walk(tree))
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p.name != "__init__.py" or p.parent != PACKAGE)
MODULES = [p for p in MODULES if "node_modules" not in p.parts]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_downwards_only(path):
    room = _room(path)
    allowed = set(ROOMS) if room in TOP else set(ROOMS[: ROOMS.index(room) + 1])
    used = {n.split(".")[1] for n in _imports(path, top_level=False) if n.startswith("failscope.")}
    used -= {"__version__", room}
    assert used <= allowed, f"{room} imports {sorted(used - allowed)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_packages_are_imported_where_they_are_used(path):
    assert not {n.split(".")[0] for n in _imports(path, top_level=True)} & HEAVY


def test_every_module_opens_with_a_sentence():
    for path in MODULES:
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert said or path.name == "__init__.py", f"{path.relative_to(ROOT)} has no docstring"


def test_importing_failscope_loads_nothing_heavy():
    code = "import sys, failscope; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
    )
    assert not loaded & (HEAVY | {"pandas", "sqlalchemy", "altair", "ipywidgets", "sklearn"})


def test_every_public_name_is_there_and_is_the_one_that_type_checkers_see():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    block = next(n for n in tree.body if isinstance(n, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.Import | ast.ImportFrom)]
    typed = {alias.asname or alias.name for node in imports for alias in node.names}
    assert typed | {"__version__"} == set(fs.__all__)
    for name in fs.__all__:
        assert getattr(fs, name) is not None


def test_public_names_have_docstrings():
    for name in fs.__all__:
        value = getattr(fs, name)
        if callable(value):
            assert value.__doc__, f"{name} has no docstring"


def test_the_conda_environment_asks_for_what_the_package_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = re.findall(
        r"^\s+- ([a-z0-9-]+>=\S+)$", (ROOT / "environment.yml").read_text(encoding="utf-8"), re.M
    )
    assert sorted(listed) == sorted(project["dependencies"])


def test_the_constraints_pin_a_version_that_the_package_allows():
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split(";")[0].strip().split("==") for line in lines if "==" in line]
    pins = {canonicalize_name(name): version for name, version in pairs}
    for text in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        wanted = Requirement(text)
        assert canonicalize_name(wanted.name) in pins, f"{wanted.name} is not pinned"
        assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)])


def test_no_machines_paths_or_hosts_are_in_the_project():
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split("\n")
    words = re.compile(
        r"/(?:work/main|tmp/fs|opt/pypi|root/)|localhost:\d|https?://(?:registry|pypi)\.", re.I
    )
    here = Path(__file__).name
    for name in files:
        path = ROOT / name
        if (
            path.suffix in {".py", ".ts", ".md", ".toml", ".yml", ".json", ".txt", ".ipynb", ".css"}
            and path.name != here
            and path.is_file()
        ):
            hit = words.search(path.read_text(encoding="utf-8"))
            assert hit is None, f"{name} holds {hit.group()!r}"


def test_the_notebooks_are_kept_without_outputs():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)
