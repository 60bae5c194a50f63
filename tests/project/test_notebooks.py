"""The notebooks, run from top to bottom without a browser, twice, as a user would."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import failscope as fs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The notebooks and the sample data in a folder of their own."""
    folder = tmp_path_factory.mktemp("notebooks")
    shutil.copytree(
        ROOT / "notebooks",
        folder / "notebooks",
        ignore=shutil.ignore_patterns("reviews", ".ipynb_checkpoints"),
    )
    (folder / "sample_data").mkdir()
    shutil.copy(ROOT / "sample_data" / "support_bot.jsonl.gz", folder / "sample_data")
    return folder / "notebooks"


@pytest.mark.parametrize("turn", ["first", "second"])
@pytest.mark.parametrize("name", ["01_explore", "02_weekly_review", "03_promote"])
def test_a_notebook_runs_to_its_end(copy, name, turn):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(copy / f"{name}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(copy)}}).execute()


def test_they_leave_two_reviews_and_one_golden_version_behind(copy):
    ws = fs.Workspace(copy / "reviews" / "support-bot")
    assert ws.reviews()["name"].tolist() == ["first look", "2026-W23"]
    assert ws.golden("support-basics").version == 1
    assert ws.golden("support-basics").verify()
