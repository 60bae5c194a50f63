"""Make docs/results.md and its charts from benchmarks/results/*.json: no figure on that page is written by hand.

python -m scripts.results_page          # make results
python -m scripts.results_page --check  # fail when the page is not what the JSON says
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.results_discovery import chart, chart_name, curves_of, digest, section
from scripts.results_tables import plain_tables

ROOT = Path(__file__).resolve().parents[1]
OTHERS = {
    "views": "Views: which show failure modes and which show topics (adjusted mutual information)",
    "clusters": "Clusters: agreement with gold labels, between seeds, and with a subsample",
    "suggestions": "Suggested failure modes: how often they are right, and how many they find",
    "scale": "Scale: seconds, memory and growth",
    "pipeline": "From file to groups and map, beside other pipelines",
    "workbench": "The workbench in a browser, in seconds unless it says otherwise",
    "demo": "`make demo`, from the command to the workbench",
}


def build(results: Path) -> dict[str, str]:
    """Every file of the page by its path in the project: the page, and one chart a setting."""
    found = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(results.glob("*.json"))
    }
    files = {
        f"docs/images/{chart_name(setting)}": chart(setting, by_set)
        for setting, by_set in curves_of(found).items()
    }
    return {"docs/results.md": page(found), **files}


def page(found: Mapping[str, Mapping[str, Any]]) -> str:
    """The page as Markdown, from what the JSON files hold."""
    parts = [
        "# Results\n\nThis page is made by `make results` from the files in [benchmarks/results]"
        "(../benchmarks/results/); no figure is written by hand. How things are computed: [methods](methods.md).",
    ]
    if curves := curves_of(found):
        measured = _measured("discovery", found["discovery"])
        parts += section(found["discovery"], curves, measured=measured)
    for name in [*OTHERS, *sorted(found.keys() - OTHERS.keys() - {"discovery"})]:
        if name in found:
            title = OTHERS.get(name, name.replace("_", " ").capitalize())
            parts += [
                f"## {title}",
                *_says(name),
                _measured(name, found[name]),
                *plain_tables(_content(found[name])),
            ]
    return "\n\n".join(parts) + "\n"


def _says(name: str) -> list[str]:
    """What the benchmark's own docstring says of it: the page explains a column in the words of who measured it."""
    source = ROOT / "benchmarks" / f"{name}.py"
    if not source.exists():
        return []
    told = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    # indented paragraphs are commands
    return [
        " ".join(part.split()).replace("``", "`") for part in told.split("\n\n") if not part.startswith(" ")
    ]


def _measured(name: str, data: Mapping[str, Any]) -> str:
    """When, on what and by which command the figures were measured."""
    machine = data["machine"]
    packages = ", ".join(f"{package} {version}" for package, version in machine["packages"].items())
    return (
        f"Measured on {data['measured']} by `python -m benchmarks.{name}` on {machine['cores']} cores "
        f"({machine['processor']}), {machine['memory_gib']:g} GiB, Python {machine['python']}; {packages}."
    )


def _content(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in ("measured", "machine")}


def stale(results: Path, root: Path) -> list[str]:
    """The files under ``root`` that are not what the JSON says; a chart is compared by what it was drawn from."""
    found = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(results.glob("*.json"))
    }
    kept = root / "docs" / "results.md"
    wrong = [] if kept.exists() and kept.read_text(encoding="utf-8") == page(found) else ["docs/results.md"]
    for setting, by_set in curves_of(found).items():
        chart = root / "docs" / "images" / chart_name(setting)
        if not chart.exists() or digest(by_set) not in chart.read_text(encoding="utf-8"):
            wrong.append(f"docs/images/{chart.name}")
    return wrong


def main() -> int:
    """Write the files, or check them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is not current")
    if parser.parse_args().check:
        wrong = stale(ROOT / "benchmarks" / "results", ROOT)
        if wrong:
            print(f"not what benchmarks/results says: {', '.join(wrong)}; run: make results", file=sys.stderr)
        return int(bool(wrong))
    for path, text in build(ROOT / "benchmarks" / "results").items():
        (ROOT / path).write_text(text, encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
