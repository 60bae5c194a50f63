"""What every benchmark shares: running a step in a process of its own, noting the machine, writing the results."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SHARED = ROOT.parent / "shared" / "data"
PACKAGES = (
    "failscope",
    "numpy",
    "pandas",
    "numba",
    "networkit",
    "pacmap",
    "umap-learn",
    "hdbscan",
    "model2vec",
)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def in_fresh_process(module: str, **arguments: Any) -> dict[str, Any]:
    """Run ``module.measure(**arguments)`` in a new process and return what it returned, with its peak memory."""
    code = (
        "import importlib, json, resource, sys\n"
        f"result = importlib.import_module({module!r}).measure(**json.loads(sys.argv[1]))\n"
        "result['peak_gib'] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20\n"
        "print('\\nRESULT ' + json.dumps(result))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    line = next(line for line in reversed(done.stdout.splitlines()) if line.startswith("RESULT "))
    return json.loads(line.removeprefix("RESULT "))


def save(name: str, results: Mapping[str, Any]) -> None:
    """Write one benchmark's figures with the machine and the day."""
    RESULTS.mkdir(exist_ok=True)
    whole = {"measured": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine(), **results}
    (RESULTS / f"{name}.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def table(rows: list[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(_cell(row.get(c)) for c in columns) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return (
        f"{value:,.2f}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )
