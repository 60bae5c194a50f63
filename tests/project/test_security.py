"""What holds of the package as a whole against hostile data: no code from data, no path from data, no markup from data."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

import pandas as pd
import pytest

import failscope as fs

PACKAGE = Path(__file__).resolve().parents[2] / "failscope"
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if "node_modules" not in p.parts)

CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "pickle.load",
    "pickle.loads",
    "marshal.loads",
    "joblib.load",
    "dill.load",
    "shelve.open",
    "yaml.load",
    "yaml.load_all",
    "yaml.unsafe_load",
    "yaml.full_load",
    "os.system",
    "os.popen",
    "pd.read_pickle",
    "pandas.read_pickle",
    "torch.load",
    "tarfile.open",
    "shutil.unpack_archive",
}
SAFE_LOADER = {"_Loader"}  # a yaml.SafeLoader of ours, which keeps lines and refuses what is too deep


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return "?"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_that_is_read_becomes_code(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert not {"pickle", "marshal", "shelve", "dill", "subprocess"} & {a.name for a in node.names}
        if not isinstance(node, ast.Call):
            continue
        name, keywords = _dotted(node.func), {k.arg: k.value for k in node.keywords}
        if name in {"yaml.load", "yaml.load_all"}:
            loader = keywords.get("Loader") or (node.args[1] if len(node.args) > 1 else None)
            assert loader is not None
            assert _dotted(loader) in SAFE_LOADER
        else:
            assert name not in CALLS, f"line {node.lineno} calls {name}"
        if name in {"np.load", "numpy.load"}:
            assert isinstance(keywords.get("allow_pickle"), ast.Constant)
            assert keywords["allow_pickle"].value is False
        shell = keywords.get("shell")
        assert not (isinstance(shell, ast.Constant) and shell.value)


PATHS = [
    "../out",
    "..\\out",
    "/tmp/failscope-out",
    "a/b/../../../../out",
    "C:\\out",
    "\x00",
    "con",
    ".",
    "..",
    "x" * 300,
]


def test_no_id_of_the_data_becomes_a_path(tmp_path, found):
    frame = pd.DataFrame(
        {
            "trace_id": PATHS,
            "input": [f"question number {n} about {p!r}" for n, p in enumerate(PATHS)],
            "output": PATHS,
            "user_id": PATHS,
            "session_id": PATHS,
        }
    )
    ws = fs.Workspace(tmp_path / "inside" / "ws")
    ws.add(fs.Traces.from_frame(frame))
    ids = ws.traces().trace_ids
    ws.propose("refunds", ids, reviewer="ana", reason=PATHS[0])
    golden = ws.promote(
        "refunds",
        curator="cleo",
        waive=dict.fromkeys(("expected", "duplicate", "quota", "personal"), "a test"),
    )
    assert len(golden) == len(ids)
    for form in ("jsonl", "csv"):
        golden.export(tmp_path / "exports" / f"x.{form}", format=form)
    ws.forget(trace_ids=[ids[0]], by="cleo", reason="asked")
    written = {p.relative_to(tmp_path).parts[0] for p in tmp_path.rglob("*")}
    assert written == {"inside", "exports"}
    assert {p.name for p in (tmp_path / "inside").iterdir()} == {"ws"}
    assert not Path("/tmp/failscope-out").exists()


@pytest.mark.parametrize("name", [*PATHS, "refunds/../x", "a\nb", "a b", "é"])
def test_no_name_of_a_golden_set_leads_out_of_the_workspace(ws, name):
    for call in (
        lambda: ws.golden(name),
        lambda: ws.desk(name),
        lambda: ws.propose(name, ["t001"], reviewer="ana"),
        lambda: ws.promote(name, curator="cleo"),
        lambda: ws.retire(name, ["ex-1"], curator="cleo", reason="x"),
    ):
        with pytest.raises(fs.ArgumentError, match="golden set name"):
            call()


def test_a_log_folder_is_not_read_through_a_link_that_leads_out_of_it(tmp_path):
    secret = tmp_path / "secret.jsonl"
    secret.write_text(json.dumps({"input": "secret", "output": "secret"}))
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.jsonl").write_text(json.dumps({"input": "hi", "output": "hello"}))
    os.symlink(secret, logs / "b.jsonl")
    os.symlink(logs / "a.jsonl", logs / "c.jsonl")
    traces = fs.read(logs)
    assert "secret" not in set(traces.frame["input"])
    assert any("lead" in note for note in traces.notes), traces.notes


def test_a_packed_log_that_unpacks_to_far_more_than_it_is_is_read_in_pieces(tmp_path):
    import gzip
    import tracemalloc

    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(60):
            file.write(b" " * 2**20)
        file.write(b"\n" + json.dumps({"input": "hi", "output": "hello"}).encode())
    assert path.stat().st_size < 200_000
    tracemalloc.start()
    traces = fs.read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(traces) == 1
    assert peak < 400 * 2**20
