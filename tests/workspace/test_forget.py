"""A user's deletion request: what is gone, what stays true, and that it can be cut short anywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

import failscope as fs
from failscope.golden.lines import example_id, line_of
from failscope.golden.versions import places, read_version
from failscope.golden.writing import write_lines
from failscope.review import events as kinds
from failscope.surface.embedding import embed_texts
from failscope.traces.table import text_hash
from failscope.workspace import Audit, schema
from failscope.workspace.chain import FIELDS, link
from failscope.workspace.files import Folder, part_name
from failscope.workspace.forgetting import BEYOND, Forgotten, complete
from failscope.workspace.redaction import is_redacted, redacted, without_words
from failscope.workspace.tombstones import mentions, words_in
from tests.homes import Home

DORA = "dora-4711@example.org"
SECRET = "Zwetschgendatschi"
"""Only in Dora's texts, and in what people wrote about them."""
HERS = ["t05", "t06", "t07"]
SHARED = "Where is my parcel?"

IN_SQLITE = pytest.mark.parametrize("home", ["sqlite"], indirect=True)
IN_POSTGRES = pytest.mark.parametrize("home", ["postgres"], indirect=True)


def log(*, feedback: bool = False) -> fs.Traces:
    """Thirty traces of ten users; three are Dora's, two of hers with words of her own."""
    rows = []
    for n in range(30):
        hers = f"t{n:02d}" in HERS
        rows.append(
            {
                "trace_id": f"t{n:02d}",
                "timestamp": pd.Timestamp("2026-06-01", tz="UTC") + pd.Timedelta(hours=5 * n),
                "input": SHARED
                if n in (7, 8)
                else f"Order {n}: {f'my {SECRET} is late' if hers else 'where is it'}?",
                "output": "" if n % 5 == 0 else f"Your order {n} {SECRET if hers else ''} ships on day {n}.",
                "context": f"{SECRET} street {n}" if hers else "",
                "user_id": DORA if hers else f"user-{n // 3:05d}",
                "thumbs": -1 if n % 4 == 0 else 1,
                "note of ours": SECRET if feedback and hers else "",
            }
        )
    rejected = pd.DataFrame(
        {
            "file": ["log.jsonl"] * 3,
            "line": [31, 32, 33],
            "reason": ["not JSON"] * 3,
            "raw": [
                f'{{"user_id": "{DORA}", "input": "{SECRET}',
                '{"user_id": "user-00001", "input": "hello',
                f"t05,{SECRET},x",
            ],
        }
    )
    traces = fs.Traces.from_frame(pd.DataFrame(rows), signals={"thumbs": "good"})
    return fs.Traces(traces.frame, signals=traces.signals, rejected=rejected)


class Letters:
    """An embedder that counts letters."""

    name = "letters"

    def embed(self, texts):
        return np.array([[t.count(c) + 1.0 for c in "aeiou"] for t in texts], dtype=np.float32)


def fill(home: Home) -> fs.Workspace:
    """A workspace in which Dora's texts are wherever texts can be."""
    ws = home.open()
    ws.add(log())
    ws.add(log(feedback=True))  # rows that were updated stay in their first part
    traces = ws.traces()
    embed_texts(traces.frame["input"].tolist(), embedder=Letters(), cache=traces.vectors, progress=False)
    found = fs.cluster(traces, projector=None, min_cluster_size=5, progress=False)
    hers = set(found.labels[np.isin(found.trace_ids, HERS)].tolist())
    found.params["names"] = {
        str(c): {"name": f"late {SECRET}" if c in hers else f"group {c}", "explanation": "", "by": "model"}
        for c in set(found.labels.tolist())
    }
    session = ws.start_review(
        "W23", fs.plan_review(found, budget=20, progress=False), reviewers=["ana", "ben"]
    )
    for who in ("ana", "ben"):
        for n in range(10):
            session.annotate(
                f"t{n:02d}",
                reviewer=who,
                failure_modes=["late"] if n % 2 else [],
                scores={"relevance": 3},
                note=f"about {SECRET}" if f"t{n:02d}" in HERS else f"note {n}",
                expected_output=f"no {SECRET}" if n == 5 else None,
            )
    session.tag_traces(["t05", "t09"], "too short", reviewer="ana")
    session.tag_cluster(int(found.labels[5]), "late", reviewer="ana")
    session.settle("t06", ["late"], reason=f"{SECRET} it is", reviewer="ben")
    session.propose("refunds", ["t05", "t09"], reviewer="ana", reason=f"like {SECRET}")
    edited = {"golden": "refunds", "trace_ids": ["t05"], "reason": SECRET, "changes": {"input": SECRET}}
    ws.log.append(kinds.CASE_EDITED, actor="cleo", trace_id="t05", payload=edited)
    judged = {"golden": "refunds", "trace_ids": ["t05"], "reason": SECRET, "verdict": "sent back"}
    ws.log.append(kinds.CASE_DECIDED, actor="cleo", trace_id="t05", payload=judged)
    put_golden(ws, ["t05", "t09"])
    put_golden(ws, ["t05", "t07", "t09"])
    return ws


def put_golden(ws: fs.Workspace, trace_ids: list[str]) -> None:
    """One more version of golden set "refunds", as a promotion writes it."""
    home = ws.path / "golden" / "refunds"
    lines = {}
    for trace_id in trace_ids:
        row = {
            "id": example_id(trace_id),
            "input": SECRET if trace_id in HERS else "x",
            "expected_output": None,
            "criteria": [],
            "output": "",
            "context": "",
            "system_prompt": "",
            "failure_modes": ["late"],
            "note": "",
            "provenance": {
                "trace": {"trace_id": trace_id},
                "found": [],
                "said": [],
                "proposed": [],
                "promoted": {"curator": "cleo", "at": "", "reason": "", "version": 1, "failscope": ""},
            },
        }
        lines[row["id"]] = line_of(row)
    about = {"curator": "cleo", "at": "2026-06-09T00:00:00+00:00", "reason": "", "failscope": ""}
    with ws.log.writing() as connection:
        there = places(home)
        parent = read_version(home, there[-1]) if there else None
        version = write_lines(home, lines, about=about, parent=parent)
        ws._files.share("golden/refunds/", connection=connection)
        said = {
            "golden": "refunds",
            "version": version.place.version,
            "examples": len(lines),
            "sha256": version.sha256,
            "reason": "",
        }
        ws.log.append_in(connection, kinds.PROMOTION, actor="cleo", payload=said)


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> dict[str, Home]:
    """Database -> such a workspace, to be copied: filling one takes seconds."""
    return {}


@pytest.fixture
def full(home, filled, tmp_path_factory):
    """Such a workspace."""
    if home.kind not in filled:
        folder = tmp_path_factory.mktemp("filled") / home.kind
        first = Home(home.kind, folder, home.server, home.server.database() if home.server else "")
        fill(first).log.close()
        filled[home.kind] = first
    twin = copy_of(filled[home.kind], home.folder)
    home.address = twin.address
    ws = home.open()
    yield ws
    ws.log.close()


def copy_of(home: Home, folder: Path) -> Home:
    """The same workspace once more."""
    shutil.copytree(home.folder, folder)
    if not home.server:
        return Home("sqlite", folder)
    name = f"team_{uuid.uuid4().hex[:12]}"
    base, _, old = home.address.rpartition("/")
    home.server.cut(old)  # a database that is in use is not copied
    home.server.sql("postgres", f"CREATE DATABASE {name} TEMPLATE {old}")
    return Home("postgres", folder, home.server, f"{base}/{name}")


def leftovers(
    home: Home, *, folder: Path | None = None, words: tuple[str, ...] = (SECRET, DORA)
) -> list[str]:
    """Every place where one of the words still is: bytes of files, cells of Parquet, cells of the database."""
    found = []

    def look(where: str, data: bytes) -> None:
        held = data
        if data[:4] == b"PAR1":
            frame = pq.read_table(pa.BufferReader(data)).to_pandas()
            held += frame.to_csv().encode()
        found.extend(f"{word} in {where}" for word in words if word.encode() in held)

    for path in (folder or home.folder).rglob("*"):
        if path.is_file():
            look(str(path.relative_to(folder or home.folder)), path.read_bytes())
    if home.server:
        for table, row in rows_of(home.address):
            for cell in row:
                look(table, cell if isinstance(cell, bytes) else str(cell).encode())
    return sorted(set(found))


def rows_of(address: str) -> Iterator[tuple[str, tuple]]:
    """Every row of a PostgreSQL database, over one connection."""
    engine = sa.create_engine(address.replace("postgresql:", "postgresql+pg8000:"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}"):
                yield table, row


def hashes_of_vectors(ws: fs.Workspace) -> set[str]:
    return {h for name in ws._files.tree("vectors/") for h in ws._files.read(name)["hash"].to_pylist()}


def is_whole(ws: fs.Workspace) -> None:
    """Log and golden sets verify, and the counts of both are what they were."""
    assert ws.audit().verify(), ws.audit().verify()
    if not ws.golden_sets():
        return
    assert ws.golden("refunds").verify()
    manifest = json.loads((ws.path / "golden/refunds/v0002/manifest.json").read_text())
    assert len(manifest["examples"]) == 3


# what is gone, and what stays --------------------------------------------------------------------------------


def test_nothing_of_the_user_is_left_in_any_file_or_row(home, full):
    assert {w.split(" in ")[0] for w in leftovers(home)} == {SECRET, DORA}  # the search finds what is there
    done = full.forget(user_id=DORA, by="cleo", reason=f"mail of {DORA}")
    full.log.close()
    assert leftovers(home) == []
    assert done.traces == tuple(HERS)
    assert (done.rejected, done.vectors) == (2, 6)
    assert done.examples == {
        "refunds": {
            "v0001": (example_id("t05"),),
            "v0002": tuple(sorted([example_id("t05"), example_id("t07")])),
        }
    }
    assert done.beyond[: len(BEYOND)] == BEYOND
    is_whole(home.open())


def test_everybody_elses_rows_are_as_they_were(home, full):
    before = full.traces()
    full.forget(user_id=DORA, by="cleo")
    for ws in (full, home.open()):
        after = ws.traces()
        pd.testing.assert_frame_equal(after.frame, before.frame.drop(index=HERS))
        assert after.signals == before.signals
        assert ws.rejected["line"].tolist() == [32]


def test_a_vector_of_a_text_that_somebody_else_has_too_stays(full):
    before = hashes_of_vectors(full)
    full.forget(user_id=DORA, by="cleo")
    gone = before - hashes_of_vectors(full)
    asked = {f"Order {n}: my {SECRET} is late?" for n in (5, 6)}
    said = {f"Your order {n} {SECRET} ships on day {n}." for n in (6, 7)}
    assert gone == {text_hash(text) for text in asked | said}
    assert text_hash(SHARED) in hashes_of_vectors(full)


def test_the_hash_of_a_text_is_not_left_in_the_index_or_among_what_is_to_do(home, full):
    hers = full.traces().frame.loc["t05"]
    held = full._shelf.text_hashes()["t05"]
    full.forget(user_id=DORA, by="cleo")
    full.log.close()
    assert leftovers(home, words=(held, text_hash(hers["input"]))) == []
    assert home.sql("SELECT count(*) FROM deletions")[0][0] == 0


def test_what_killed_processes_left_is_gone_too(home, full):
    part = pa.table({"trace_id": ["t05", "t90"], "user_id": [DORA, "x"], "input": [SECRET, "y"]})
    Folder(full.path).write(f"traces/{part_name()}", part)  # no index names it
    if home.server:
        with full.log.writing() as connection:
            full._files.write(f"traces/{part_name()}", part, connection=connection)
        shutil.rmtree(full.path / "traces")
    for hidden in ("traces/.a.parquet.12345678.half", "golden/refunds/.near.npz"):
        (full.path / hidden).parent.mkdir(exist_ok=True)
        (full.path / hidden).write_text(SECRET)
    (full.path / "golden/refunds/.v0003.12345678.half").mkdir()
    (full.path / "golden/refunds/.v0003.12345678.half/examples.jsonl").write_text(SECRET)
    if home.server:  # a copy may be in the making by another process: only what is old is dead
        for half in full.path.rglob("*.half"):
            os.utime(half, (time.time() - 700,) * 2)
    full.forget(user_id=DORA, by="cleo")
    full.log.close()
    assert leftovers(home) == []
    assert len(home.open().traces()) == 27


def test_groups_keep_their_counts_and_lose_their_figures(full):
    full.forget(user_id=DORA, by="cleo")
    name = full._files.names("clusterings/")[0]
    frame = full._files.read(name).to_pandas().set_index("trace_id")
    hers, others = frame.loc[HERS], frame.drop(index=HERS)
    figures = [c for c in frame if c not in ("cluster", "exemplar") and not c.startswith("layer_")]
    assert len(frame) == 30
    assert figures
    assert hers[figures].isna().all(axis=None) or not hers[figures].fillna(0).to_numpy().any()
    assert others["strength"].notna().all()
    assert frame["cluster"].notna().all()


def test_names_that_a_model_gave_to_their_groups_are_taken_back(home, full):
    with full.log.reading() as connection:
        meta = connection.execute(sa.select(schema.clusterings.c.meta)).scalars().first()
    given = json.loads(meta)["params"]["names"]
    full.forget(user_id=DORA, by="cleo")
    with full.log.reading() as connection:
        meta = connection.execute(sa.select(schema.clusterings.c.meta)).scalars().first()
    left = json.loads(meta)["params"]["names"]
    assert set(left) == set(given)
    for c in given:
        hers = SECRET in given[c]["name"]
        assert ("problem" in left[c], "name" in left[c]) == (hers, not hers)
        assert left[c]["by"] == "model"


def test_only_the_traces_that_were_named_go(home, full):
    done = full.forget(trace_ids=["t05"], by="cleo")
    assert done.traces == ("t05",)
    assert {"t06", "t07"} <= set(full.traces().frame.index)
    assert full.add(log()).forgotten == 2  # the trace, and the rejected row that names it
    later = log().frame.loc[["t06"]].rename(index={"t06": "n1"})
    assert full.add(fs.Traces(later)).new == 1  # her other traces are welcome


# tombstones --------------------------------------------------------------------------------------------------


def test_adding_the_same_log_again_brings_nothing_back_and_says_so(home, full):
    full.forget(user_id=DORA, by="cleo")
    before = full.audit().head
    added = home.open().add(log(feedback=True))
    assert (added.new, added.known, added.forgotten) == (0, 27, 5)
    assert "5 forgotten" in repr(added)
    assert full.audit().head == before
    assert len(full.traces()) == 27
    assert full.rejected["line"].tolist() == [32]
    full.log.close()
    assert leftovers(home) == []


def test_later_traces_of_the_user_are_set_aside(full):
    full.forget(user_id=DORA, by="cleo")
    frame = pd.DataFrame(
        {
            "trace_id": ["n1", "n2"],
            "input": [SECRET, "hi"],
            "output": ["a", "b"],
            "user_id": [DORA, "user-00001"],
        }
    )
    new = fs.Traces.from_frame(frame)
    broken = pd.DataFrame({"file": "b", "line": [1, 2], "reason": "r", "raw": [f"x,{DORA},y", "x,z,y"]})
    added = full.add(fs.Traces(new.frame, rejected=broken))
    assert (added.new, added.forgotten) == (1, 2)
    assert "n1" not in full.traces().frame.index
    assert sorted(full.rejected["raw"]) == ["x,z,y", '{"user_id": "user-00001", "input": "hello']
    said = full.events().iloc[-1]
    assert (said["kind"], said["payload"]["forgotten"], said["payload"]["rejected"]) == ("traces_added", 2, 1)
    assert "2 forgotten" in full.audit().frame["what"].iloc[-1]


def test_a_log_that_names_the_user_of_a_trace_that_is_here_says_so(full):
    full.forget(user_id=DORA, by="cleo")
    told = log().frame.loc[["t08"]].assign(user_id=DORA)
    with pytest.warns(UserWarning, match=r"ws\.forget\(trace_ids=\['t08'\]"):
        assert full.add(fs.Traces(told)).forgotten == 1


def test_the_gate_can_ask(full):
    full.forget(user_id=DORA, by="cleo")
    shelf = full._shelf
    assert shelf.is_forgotten(["t05", "t08"]).tolist() == [True, False]
    assert shelf.is_forgotten(["n1", "n2", "n3"], [DORA, "", "user-00001"]).tolist() == [True, False, False]
    assert shelf.forgotten_ids() == frozenset(HERS)


def test_a_user_is_remembered_by_a_hash_under_a_key_of_this_workspace(home, full, tmp_path):
    full.forget(user_id=DORA, by="cleo")
    other = fs.Workspace(tmp_path / "other")
    other.add(log())
    other.forget(user_id=DORA, by="cleo")
    query = "SELECT name FROM tombstones WHERE kind = 'user'"
    (mine,), (theirs,) = home.sql(query)[0], Home("sqlite", tmp_path / "other").sql(query)[0]
    assert mine != theirs
    assert text_hash(DORA) not in (mine, theirs)


def test_somebody_unknown_is_told_and_remembered_when_asked(full):
    with pytest.raises(fs.NotFoundError, match=r"none of the 30 traces .* pass remember=True"):
        full.forget(user_id="nobody@x", by="cleo")
    with pytest.raises(fs.NotFoundError, match="no trace 't99'"):
        full.forget(trace_ids=["t05", "t99"], by="cleo")
    assert len(full.traces()) == 30
    assert not full._shelf.is_forgotten(["t05"], ["nobody@x"]).any()
    full.forget(user_id="nobody@x", trace_ids=["t99"], by="cleo", remember=True)
    late = pd.DataFrame(
        {"trace_id": ["n1", "t99"], "input": "a", "output": "b", "user_id": ["nobody@x", "user-00001"]}
    )
    assert full.add(fs.Traces.from_frame(late)).forgotten == 2
    assert full.forget(user_id="nobody@x", by="cleo").traces == ()  # known from now on


@pytest.mark.parametrize(
    "said", [{}, {"user_id": ""}, {"user_id": 7}, {"trace_ids": "t05"}, {"trace_ids": []}]
)
def test_a_request_that_names_nobody_is_refused(full, said):
    with pytest.raises(fs.ArgumentError):
        full.forget(by="cleo", **said)
    with pytest.raises(fs.ArgumentError):
        full.forget(user_id=DORA, by=" ")
    assert len(full.traces()) == 30


def test_a_user_whose_only_row_could_not_be_read_is_known(home):
    ws = home.open()
    broken = pd.DataFrame({"file": "b", "line": [1], "reason": "r", "raw": [f'{{"user": "{DORA}", {SECRET}']})
    ws.add(fs.Traces(log().frame.drop(index=HERS), rejected=broken))
    assert ws.forget(user_id=DORA, by="cleo").rejected == 1
    assert ws.rejected.empty
    ws.log.close()
    assert leftovers(home) == []


def test_words_of_a_rejected_row_are_found_however_it_is_written():
    assert mentions('{"meta": {"end_user": "ünal"}}', [], user="ünal")
    assert mentions('{"user": "\\u00fcnal-77", broken', [], user="ünal-77")
    assert mentions("2026-06-01;ana b;hello", [], user="ana b")
    assert mentions("call from <ana@x.org>", [], user="ana@x.org")
    assert not mentions("call from banana@x.org", [], user="ana@x.org")
    assert not mentions('{"latency": 17}', [], user="17")
    assert "17" in words_in('{"user_id": 17}')


# the log -----------------------------------------------------------------------------------------------------


def test_an_event_keeps_who_when_and_which_modes_and_loses_its_words(full):
    before = {e.id: e for e in full.log.read()}
    full.forget(user_id=DORA, by="cleo", reason=f"mail of {DORA}")
    now = full.log.read()
    changed = [e for e in now if e.id in before and e.payload != before[e.id].payload]
    assert len(changed) == 11  # six notes, a group's name, a decision, a proposal, an edit and a verdict
    for e in changed:
        was = before[e.id]
        assert (e.actor, e.at, e.trace_id, e.hash) == (was.actor, was.at, was.trace_id, was.hash)
        assert e.payload["forgotten"] == text_hash(
            json.dumps(was.payload, ensure_ascii=False, sort_keys=True)
        )
        for key in ("failure_modes", "scores", "trace_ids", "golden", "verdict"):
            assert e.payload.get(key) == was.payload.get(key)
    said = now[-1]
    assert (said.kind, said.actor, said.payload["reason"]) == ("forgotten", "cleo", "mail of …")
    assert said.payload["traces"] == HERS
    assert set(said.payload["events"]) == {e.id for e in changed}
    what = full.audit().frame["what"]
    assert what.iloc[-1] == "3 traces of a user forgotten, 11 events redacted: mail of …"
    assert what.str.contains("its words were forgotten").sum() == 11


def test_the_log_is_whole_afterwards_and_so_is_a_head_that_was_noted_before(home, full, tmp_path):
    noted = full.audit().head
    full.forget(user_id=DORA, by="cleo")
    full.log.append("annotation", actor="ana", session="W23", trace_id="t01", payload={"note": "more"})
    audit = home.open().audit()
    assert audit.verify()
    assert audit.verify(head=noted)
    path = audit.export(tmp_path / "audit.jsonl")
    assert Audit.read(path).verify(head=noted)
    assert SECRET not in path.read_text()


REDACTED = (
    "SELECT seq FROM events WHERE payload LIKE '%\"forgotten\": \"%' AND kind = 'annotation' ORDER BY seq"
)


@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ('UPDATE events SET payload = \'{"note": "other"}\' WHERE seq = 6', 6),
        ("UPDATE events SET actor = 'zoe' WHERE seq = {0}", None),
        ("UPDATE events SET at = '2020' WHERE seq = {0}", None),
        ("UPDATE events SET trace_id = 't09' WHERE seq = {0}", None),
        ("UPDATE events SET payload = replace(payload, '\"late\"', '\"fine\"') WHERE seq = {0}", None),
        (
            'UPDATE events SET payload = replace(payload, \'"note": ""\', \'"note": "x"\') WHERE seq = {0}',
            None,
        ),
        ("UPDATE events SET hash = '' WHERE seq = {0}", None),
    ],
)
def test_tampering_is_still_found_after_a_deletion(home, full, statement, seq):
    full.forget(user_id=DORA, by="cleo")
    at = home.sql(REDACTED)[0][0]
    home.sql(statement.replace("{0}", str(at)))
    verdict = home.open().audit().verify()
    assert (verdict.finding, verdict.seq) == ("changed", seq or at), verdict


def test_a_redacted_event_that_is_removed_or_moved_is_found(home, full):
    full.forget(user_id=DORA, by="cleo")
    at = home.sql(REDACTED)[0][0]

    def swap() -> None:
        home.sql(f"UPDATE events SET seq = -1 WHERE seq = {at}")
        home.sql(f"UPDATE events SET seq = {at} WHERE seq = {at + 1}")
        home.sql(f"UPDATE events SET seq = {at + 1} WHERE seq = -1")

    swap()
    assert home.open().audit().verify().finding == "re-ordered"
    swap()
    assert home.open().audit().verify()
    home.sql(f"DELETE FROM events WHERE seq = {at}")
    assert home.open().audit().verify().finding == "removed"


def test_the_event_before_a_redacted_one_is_held_by_it(home, full):
    full.forget(user_id=DORA, by="cleo")
    at = home.sql(REDACTED)[0][0]
    events = {e.seq: e for e in full.log.read()}
    forged = {**vars(events[at - 1]), "actor": "zoe"}
    digest = link(events[at - 2].hash, forged)
    home.sql(f"UPDATE events SET actor = 'zoe', hash = '{digest}' WHERE seq = {at - 1}")
    verdict = home.open().audit().verify()
    assert (verdict.finding, verdict.seq) == ("changed", at)


def test_a_redaction_that_no_deletion_vouches_for_is_a_change(home, full):
    row = home.sql("SELECT payload FROM events WHERE seq = 6")[0][0]
    forged = json.dumps(redacted(row)).replace("'", "''")
    home.sql(f"UPDATE events SET payload = '{forged}' WHERE seq = 6")
    verdict = home.open().audit().verify()
    assert (verdict.finding, verdict.seq) == ("changed", 6)
    full.forget(user_id=DORA, by="cleo")  # of somebody else's traces: it vouches for hers alone
    assert (home.open().audit().verify().finding, home.open().audit().verify().seq) == ("changed", 6)


def test_a_deletion_that_was_put_in_vouches_for_nothing(home, full):
    events = full.log.read()
    sixth = events[5]
    empty = redacted(home.sql("SELECT payload FROM events WHERE seq = 6")[0][0])
    seal = link(events[4].hash, {**{f: getattr(sixth, f) for f in FIELDS}, "payload": empty})
    said = json.dumps({"events": {sixth.id: {"hash": sixth.hash, "seal": seal}}, "traces": [], "user": ""})
    home.sql(f"UPDATE events SET payload = '{json.dumps(empty)}' WHERE seq = 6")
    home.sql(
        "INSERT INTO events (seq, id, at, kind, actor, session, trace_id, payload, version, hash) VALUES "
        f"({len(events) + 1}, 'forged', '2026', 'forgotten', 'eve', '', '', '{said}', '1', '{'0' * 64}')"
    )
    verdict = home.open().audit().verify()
    assert (verdict.finding, verdict.seq) == ("changed", 6)


def test_what_was_tampered_with_before_stays_a_change_though_its_words_go(home, full):
    at = home.sql("SELECT seq FROM events WHERE trace_id = 't05' AND kind = 'annotation' ORDER BY seq")[0][0]
    home.sql(f"UPDATE events SET actor = 'zoe' WHERE seq = {at}")
    full.forget(user_id=DORA, by="cleo")
    verdict = home.open().audit().verify()
    assert (verdict.finding, verdict.seq) == ("changed", at)
    full.log.close()
    assert leftovers(home) == []


def test_a_field_that_nobody_knows_is_taken_for_words():
    said = {"failure_modes": ["late"], "later": ["his name"], "more": {"a": "b", "n": 3}, "note": "x"}
    empty = without_words(said)
    assert empty == {"failure_modes": ["late"], "later": [], "more": {"a": "", "n": 3}, "note": ""}
    assert is_redacted({**empty, "forgotten": "0" * 64})
    assert not is_redacted({**said, "forgotten": "0" * 64})


# twice, at once, cut short -----------------------------------------------------------------------------------


def test_a_second_request_changes_nothing(home, full):
    full.forget(user_id=DORA, by="cleo")
    before = full.audit().head, sorted(full._files.tree("")), len(home.sql("SELECT * FROM tombstones"))
    again = home.open().forget(user_id=DORA, by="cleo")
    assert again == Forgotten(beyond=again.beyond)
    full.forget(trace_ids=HERS, by="ben")
    assert before == (
        full.audit().head,
        sorted(full._files.tree("")),
        len(home.sql("SELECT * FROM tombstones")),
    )


def test_two_processes_at_once_both_succeed(home, full):
    def go(_):
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # each may keep the other from cleaning the database; the last one does it
            return home.open().forget(user_id=DORA, by="cleo").traces

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(go, range(3)))
    assert sorted(done) == [(), (), tuple(HERS)]
    ws = home.open()
    ws.forget(user_id=DORA, by="cleo")
    assert (ws.events()["kind"] == "forgotten").sum() == 1
    is_whole(ws)
    ws.log.close()
    full.log.close()
    assert leftovers(home) == []


class Killed(BaseException):
    """Not an Exception: nothing that handles errors may hold it up."""


class Fault:
    """Raises at the k-th write to the disk or the database."""

    def __init__(self, monkeypatch, ws, at: int) -> None:
        self.count, self.at = 0, at
        for name in ("fsync", "replace", "rename", "unlink"):
            monkeypatch.setattr(os, name, self.counted(getattr(os, name)))
        engine = ws.log._engine
        sa.event.listen(engine, "before_cursor_execute", self.sql)
        sa.event.listen(engine, "commit", self.step)

    def step(self, *_args) -> None:
        self.count += 1
        if self.count == self.at:
            raise Killed

    def sql(self, _connection, _cursor, statement, *_args) -> None:
        if statement.split()[0] in ("INSERT", "UPDATE", "DELETE"):
            self.step()

    def counted(self, original):
        def wrapped(*args, **kwargs):
            self.step()
            return original(*args, **kwargs)

        return wrapped


def test_killed_between_any_two_writes_the_next_call_completes_it(home, full, tmp_path, monkeypatch):
    full.log.close()
    for at in count(1, 1 if home.kind == "sqlite" else 9):  # a copy of a database takes half a second
        twin = copy_of(home, tmp_path / f"copy{at}")
        ws = twin.open()
        finished = False
        with monkeypatch.context() as patch:
            Fault(patch, ws, at)
            try:
                ws.forget(user_id=DORA, by="cleo")
                finished = True
            except Killed:
                pass
        ws.log.close()
        # reading is possible in every state, and no state has half of it
        ws = twin.open()
        assert len(ws.traces()) in (27, 30)
        begun = (ws.events()["kind"] == "forgotten").any()
        if not begun:  # else opening it completed the deletion
            ws.forget(user_id=DORA, by="cleo")
        assert leftovers(twin) == [], f"killed at write {at}"
        ws.forget(user_id=DORA, by="cleo")
        assert len(ws.traces()) == 27
        assert (ws.events()["kind"] == "forgotten").sum() == 1
        assert ws.rejected["line"].tolist() == [32]
        is_whole(ws)
        ws.log.close()
        shutil.rmtree(twin.folder)
        if twin.server:
            twin.server.sql("postgres", f"DROP DATABASE {twin.address.rsplit('/', 1)[1]} WITH (FORCE)")
        if finished:
            break
    assert at > 80


KILLER = """
import os, sys
import failscope as fs
from failscope.workspace.store import Store
at, count = int(sys.argv[4]), 0
def step(original):
    def wrapped(*a, **k):
        global count
        count += 1
        if count == at: os._exit(9)
        return original(*a, **k)
    return wrapped
ws = fs.Workspace(sys.argv[1], folder=sys.argv[2] or None)
for name in ("fsync", "replace", "rename", "unlink"):
    setattr(os, name, step(getattr(os, name)))
Store.append_in = step(Store.append_in)
ws.forget(user_id=sys.argv[3], by="cleo")
print("done")
"""


@pytest.mark.parametrize("at", [2, 5, 9, 16, 24])
def test_a_process_that_is_killed_outright_leaves_what_the_next_call_completes(home, full, at):
    full.log.close()
    run = [sys.executable, "-c", KILLER, *home.arguments, DORA, str(at)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr[-800:]
    for half in home.folder.rglob("*.half"):
        os.utime(half, (time.time() - 700,) * 2)
    ws = home.open()
    ws.forget(user_id=DORA, by="cleo")
    is_whole(ws)
    assert len(ws.traces()) == 27
    ws.log.close()
    assert leftovers(home) == []


def test_a_reader_that_is_overtaken_by_a_deletion_reads_again(home, full, monkeypatch):
    monkeypatch.setattr(
        "failscope.workspace.store.WAIT_S", 0.3
    )  # the reader keeps the database from being cleaned
    reader, other, first = home.open(), home.open(), []
    original = type(reader._files).read

    def read(self, name, **kwargs):
        if self is reader._files and not first:
            first.append(name)
            other.forget(user_id=DORA, by="cleo")
        return original(self, name, **kwargs)

    monkeypatch.setattr(type(reader._files), "read", read)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(reader.traces()) == 27
    assert first


@IN_SQLITE
def test_a_database_that_somebody_is_reading_is_cleaned_by_the_next_call(home, full, monkeypatch):
    monkeypatch.setattr("failscope.workspace.store.WAIT_S", 0.2)
    ws = home.open()
    with full.log.reading() as connection:
        connection.execute(sa.select(schema.events.c.seq)).all()
        with pytest.warns(UserWarning, match="not finished: another process"):
            done = ws.forget(user_id=DORA, by="cleo")
    assert "not finished" in done.beyond[0]
    assert home.sql("SELECT count(*) FROM deletions")[0][0] == 1
    assert "not finished" not in ws.forget(user_id=DORA, by="cleo").beyond[0]
    ws.log.close()
    full.log.close()
    assert leftovers(home) == []


# what goes on ------------------------------------------------------------------------------------------------


def test_a_review_opens_again_and_its_figures_are_of_what_is_left(home, full):
    before = full.failure_modes()["traces"]
    full.forget(user_id=DORA, by="cleo")
    ws = home.open()
    with pytest.warns(UserWarning, match="3 of the traces of review 'W23' are no longer in this workspace"):
        session = ws.start_review("W23")
    assert len(session.traces) == 27
    assert session.agreement() is not None
    assert "late" in session.prevalence().index
    assert session.progress() is not None
    assert ws.failure_modes()["traces"].equals(before)  # counted by what people said, which stays
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        page = ws.report("W23")
    assert SECRET not in page.html
    assert len(ws.events()) == len(full.log.read())
    assert session.annotate("t01", reviewer="ana", failure_modes=["late"], note="still here")


def test_no_more_words_are_taken_about_a_trace_that_was_forgotten(full):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        open_before = full.start_review("W23")
        full.forget(user_id=DORA, by="cleo")
    with pytest.raises(fs.NotFoundError, match="'t05' was forgotten on 20"):
        open_before.annotate("t05", reviewer="ana", note=SECRET)
    with pytest.raises(fs.NotFoundError, match="'t06' was forgotten"):
        open_before.propose("refunds", ["t01", "t06"], reviewer="ana", reason=SECRET)
    assert open_before.annotate("t05", reviewer="ana", failure_modes=["late"])
    assert full.audit().verify()


def test_what_is_written_about_it_later_goes_with_the_next_request(home, full):
    full.forget(user_id=DORA, by="cleo")
    late = {"golden": "refunds", "trace_ids": ["t05"], "reason": SECRET, "verdict": "rejected"}
    full.log.append(kinds.CASE_DECIDED, actor="cleo", trace_id="t05", payload=late)
    assert full.forget(user_id=DORA, by="cleo").events == 1
    assert full.audit().verify()
    full.log.close()
    assert leftovers(home) == []


def test_the_result_shows_counts_and_what_is_beyond_reach(full):
    done = full.forget(user_id=DORA, by="cleo")
    assert repr(done).startswith(
        "<Forgotten 3 traces · 3 golden lines · 11 events redacted · 6 vectors · 2 rejected"
    )
    frame = done.to_frame().set_index("where")["count"]
    assert (frame["traces"], frame["golden/refunds/v0002"]) == (3, 2)
    hostile = Forgotten(beyond=("<script>",))
    assert "<script>" not in hostile._repr_html_()
    assert "git" in done._repr_html_()


# a team ------------------------------------------------------------------------------------------------------


@IN_POSTGRES
def test_another_machine_gives_up_its_copies(home, full, tmp_path):
    there = home.open(folder=tmp_path / "there")
    there.traces()
    there.clustering("review W23")
    hashes = there.traces().vectors.get("letters", [text_hash(SHARED)])
    assert hashes
    assert there.golden("refunds").verify()
    assert leftovers(home, folder=tmp_path / "there")
    done = full.forget(user_id=DORA, by="cleo")
    assert "copies on other machines" in done.beyond[-1]
    # the one that is open goes on, and fetches what was changed
    assert len(there.traces()) == 27
    assert there.golden("refunds").verify()
    there.log.close()
    again = home.open(folder=tmp_path / "there")
    assert again.golden("refunds").verify()
    again.log.close()
    full.log.close()
    assert leftovers(home, folder=tmp_path / "there") == []


@IN_POSTGRES
def test_a_golden_file_that_was_changed_by_hand_is_still_an_error_for_a_team(home, full):
    full.forget(user_id=DORA, by="cleo")
    path = full.path / "golden/refunds/v0002/examples.jsonl"
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(fs.IntegrityError, match="another one than in"):
        full.golden("refunds")


@IN_POSTGRES
def test_a_version_that_was_never_shared_is_cleaned_too(home, full):
    home_of = full.path / "golden/refunds"
    parent = read_version(home_of, places(home_of)[-1])
    about = {"curator": "cleo", "at": "", "reason": "", "failscope": ""}
    row = {"id": example_id("t05"), "input": SECRET, "provenance": {"trace": {"trace_id": "t05"}}}
    made = write_lines(home_of, {row["id"]: line_of(row)}, about=about, parent=parent)
    full.forget(user_id=DORA, by="cleo")
    full.log.close()
    assert leftovers(home) == []
    assert list(read_version(home_of, made.place).lines.forgotten) == [row["id"]]


def test_finishing_where_nothing_was_forgotten_does_nothing(home, full):
    before = full.audit().head
    done = complete(full._shelf)
    assert (done.files, done.vectors, done.unfinished) == (0, 0, False)
    assert full.audit().head == before


def test_traces_alone_are_forgotten_in_a_workspace_that_has_nothing_else_to_forget(ws):
    golden = promoted(ws, ["t001", "t002"])
    assert ws.forget(trace_ids=["t001"]).traces == ("t001",)
    assert ws.golden("plain").forgotten == [golden.rows.ids[golden.trace_ids.index("t001")]]
    assert "t001" not in ws.traces().frame.index
    assert ws.forget(trace_ids=["t002"]).traces == ("t002",)
    assert len(ws.golden("plain")) == 0
    assert ws.golden("plain").verify()
    assert ws.audit().verify()


def promoted(ws: fs.Workspace, ids: list[str]) -> fs.GoldenSet:
    """A golden set of these traces."""
    ws.propose("plain", ids, reviewer="ana")
    return ws.promote("plain", curator="cleo", waive={"expected": "a test"})
