"""What the documents show is run: every Python block of the README, in a folder with the sample data."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import shutil
from pathlib import Path

import pytest

import failscope as fs

ROOT = Path(__file__).resolve().parents[2]


def test_the_readmes_code_runs_in_the_order_it_is_read(tmp_path, monkeypatch):
    (tmp_path / "sample_data").mkdir()
    shutil.copy(ROOT / "sample_data" / "support_bot.jsonl.gz", tmp_path / "sample_data")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S | re.M
    )
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert names["golden"].verify()


def test_links_in_the_documents_lead_somewhere():
    for page in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("sample_data/*.md"),
    ]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


@pytest.mark.parametrize("name", sorted(n for n in fs.__all__ if callable(getattr(fs, n))))
def test_examples_in_docstrings_run(name):
    thing = getattr(fs, name)
    module = importlib.import_module(thing.__module__)
    finder, runner = (
        doctest.DocTestFinder(),
        doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS),
    )
    before = os.getcwd()
    for example in finder.find(thing, name, module=module, globs={**vars(module)}):
        runner.run(example)
    assert os.getcwd() == before
    assert runner.failures == 0
