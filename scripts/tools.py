"""Install the evaluation tools that exports are tested with into ``.venv-tools``: about 1.4 GB; the project needs none of them.

Python tools come as constraints-tools.txt pins them, promptfoo from npm when Node 20 or newer is there.
``python scripts/tools.py`` does nothing when they are there as pinned; deleting ``.venv-tools`` undoes it.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".venv-tools"
PYTHON = HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PIP = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
PINS = ROOT / "constraints-tools.txt"
TOOLS = [
    "arize-phoenix-client",
    "braintrust",
    "datasets",
    "deepeval",
    "inspect-ai",
    "jsonschema",
    "langfuse",
    "langsmith",
    "mlcroissant",
    "ragas",
]
# evals asks for TensorFlow and Snowflake; its loader needs these
EVALS = ["blobfile", "lz4", "zstandard"]
PROMPTFOO = "0.121.20"
"""The last that runs on Node 20."""


def main() -> int:
    """Install them, once."""
    stamp = HOME / ".ready"
    asked = f"{PROMPTFOO}\n{PINS.read_text('utf-8')}"
    if stamp.exists() and stamp.read_text("utf-8") == asked:
        return 0
    if not PYTHON.exists():
        venv.create(HOME, with_pip=True)
    subprocess.run([*PIP, "-c", str(PINS), *TOOLS, *EVALS], check=True)
    subprocess.run([*PIP, "-c", str(PINS), "--no-deps", "evals"], check=True)
    for data in HOME.glob("**/site-packages/evals/registry/data"):
        shutil.rmtree(data)  # 700 MB of other people's samples
    if node_version() < 20:
        print("Node 20 is not here: promptfoo is left out; install it and run this again")
        return 0
    install_promptfoo(HOME / "promptfoo")
    stamp.write_text(asked, "utf-8")
    return 0


def node_version() -> int:
    """The major version of Node; 0 where it or npm is not there."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return 0
    said = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    major = said.removeprefix("v").split(".")[0]
    return int(major) if major.isdigit() else 0


def install_promptfoo(home: Path) -> None:
    """promptfoo without its optional packages, which take a gigabyte, but with the database that it opens."""
    home.mkdir(exist_ok=True)
    (home / "package.json").write_text('{"private": true}\n')
    npm = [str(shutil.which("npm")), "install", "--omit=optional", "--no-audit", "--no-fund", "--silent"]
    subprocess.run([*npm, f"promptfoo@{PROMPTFOO}"], cwd=home, check=True)
    asked = json.loads((home / "node_modules" / "libsql" / "package.json").read_text("utf-8"))
    name = f"@libsql/{libsql_platform()}"
    subprocess.run([*npm, f"{name}@{asked['optionalDependencies'][name]}"], cwd=home, check=True)


def libsql_platform() -> str:
    """The build of libsql for this machine, as npm names it."""
    arch = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(platform.machine().lower(), "arm64")
    if sys.platform == "darwin":
        return f"darwin-{arch}"
    if sys.platform == "win32":
        return "win32-x64-msvc"
    return f"linux-{arch}-{'gnu' if platform.libc_ver()[0] == 'glibc' else 'musl'}"


if __name__ == "__main__":
    sys.exit(main())
