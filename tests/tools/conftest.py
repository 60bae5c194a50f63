"""The real tools, as ``python scripts/tools.py`` installs them; without them the tests of this folder are skipped."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".venv-tools"
PYTHON = HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PROMPTFOO = HOME / "promptfoo" / "node_modules" / "promptfoo" / "dist" / "src" / "entrypoint.js"
LOADERS = Path(__file__).with_name("loaders.py")
HOW = "run: python scripts/tools.py"


@pytest.fixture(scope="session")
def tool_env(tmp_path_factory):
    """The environment of a tool: no telemetry, no home of ours, no keys."""
    spec = importlib.util.spec_from_file_location("loaders", LOADERS)
    loaders = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaders)
    home = str(tmp_path_factory.mktemp("home"))
    kept = {key: os.environ[key] for key in ("PATH", "SYSTEMROOT", "LANG") if key in os.environ}
    promptfoo = {
        "PROMPTFOO_CONFIG_DIR": home,
        "PROMPTFOO_DISABLE_ERROR_LOG": "1",
        "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
        "PROMPTFOO_DISABLE_SHARING": "1",
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "PROMPTFOO_DISABLE_UPDATE": "1",
        "PROMPTFOO_PYTHON": str(PYTHON),
    }
    return {
        **kept,
        "HOME": home,
        "USERPROFILE": home,
        **loaders.QUIET,
        **promptfoo,
        "FAILSCOPE_SECRET": "s3cret",
    }


@pytest.fixture(scope="session")
def tool_python(tool_env):
    """Run the tools' interpreter."""
    if not PYTHON.exists():
        pytest.skip(f"the evaluation tools are not installed; {HOW}")

    def run(*arguments, cwd):
        done = subprocess.run(
            [str(PYTHON), *map(str, arguments)], cwd=cwd, env=tool_env, capture_output=True, text=True
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        return done.stdout

    return run


@pytest.fixture
def load(tool_python, tmp_path):
    """Load an export with a tool's own loader."""

    def through(name, path):
        target = tmp_path / f"{name}.loaded.json"
        tool_python(LOADERS, name, path, target, cwd=tmp_path)
        return json.loads(target.read_text("ascii"))

    return through


@pytest.fixture(scope="session")
def promptfoo(tool_env):
    """Run promptfoo."""
    node = shutil.which("node")
    if node is None or not PROMPTFOO.exists():
        pytest.skip(f"promptfoo is not installed; install Node 20 or newer, then {HOW}")

    def run(*arguments, cwd, failures=False):
        done = subprocess.run(
            [node, str(PROMPTFOO), *map(str, arguments)],
            cwd=cwd,
            env=tool_env,
            capture_output=True,
            text=True,
        )
        # 100 says that an assertion failed
        assert done.returncode in ((0, 100) if failures else (0,)), (done.stdout + done.stderr)[-3000:]
        return done.stdout

    return run
