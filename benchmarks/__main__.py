"""Every benchmark, one after the other: ``python -m benchmarks [name ...]``."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.report import ROOT

NAMES = (
    "pipeline",
    "discovery",
    "clusters",
    "views",
    "suggestions",
    "modes",
    "scale",
    "workbench",
    "sessions",
    "golden",
    "duplicates",
    "personal_data",
    "coverage",
    "demo",
)


def main() -> None:
    """Run the ones that are named, all of them when none is."""
    for name in sys.argv[1:] or NAMES:
        if name not in NAMES:
            sys.exit(f"no benchmark {name!r}; there are {', '.join(NAMES)}")
        print(f"\n## {name}\n", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
