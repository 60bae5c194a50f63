"""The chain of events: whatever is done to the database behind failscope's back is found and named."""

from __future__ import annotations

import json

import pytest

import failscope as fs
from failscope.workspace import Audit
from failscope.workspace.chain import START, link

MOVE_UP = (
    "UPDATE events SET seq = -(seq + 1) WHERE seq >= {0}",
    "UPDATE events SET seq = -seq WHERE seq < 0",
)
MOVE_DOWN = (
    "UPDATE events SET seq = -(seq - 1) WHERE seq > {0}",
    "UPDATE events SET seq = -seq WHERE seq < 0",
)
PUT_IN = (
    "INSERT INTO events (seq, id, at, kind, actor, session, trace_id, payload, version, hash) "
    "SELECT {0}, 'forged', at, kind, actor, session, trace_id, payload, version, hash FROM events WHERE seq = {1}"
)


@pytest.fixture
def log(home):
    """Eight annotations."""
    log = home.open().log
    for n in range(1, 9):
        said = {"failure_modes": [f"mode {n}"], "note": "ünï"}
        log.append("annotation", actor="ana", session="W23", trace_id=f"t{n}", payload=said)
    yield log
    log.close()


def test_an_untouched_log_is_whole(home, log):
    audit = home.open().audit()
    assert audit.verify()
    assert len(audit) == audit.verify().events == 8
    assert audit.head == f"8:{log.read()[-1].hash}"


def test_a_hash_is_the_one_that_the_documentation_says():
    fields = dict.fromkeys(
        ("seq", "id", "at", "kind", "actor", "session", "trace_id", "payload", "version"), ""
    )
    assert link(START, fields) != link("1" * 64, fields)
    # printf '%s\n%s' 000…0 '{"actor":"",…}' | sha256sum
    assert link(START, fields) == "e3eec93a35b22fe4f2775403ac29a026e185bb50a90919b5dfb9ca15d3cb33df"


@pytest.mark.parametrize(
    ("statements", "finding", "seq", "words"),
    [
        (
            ["UPDATE events SET payload = '{\"failure_modes\": []}' WHERE seq = 5"],
            "changed",
            5,
            "not as it was",
        ),
        (["UPDATE events SET actor = 'ben' WHERE seq = 3"], "changed", 3, "not as it was"),
        (["UPDATE events SET at = '2020-01-01' WHERE seq = 1"], "changed", 1, "not as it was"),
        (["UPDATE events SET version = '9' WHERE seq = 8"], "changed", 8, "not as it was"),
        (["UPDATE events SET payload = 'no JSON' WHERE seq = 2"], "changed", 2, "not as it was"),
        (["UPDATE events SET payload = '{\"a\": NaN}' WHERE seq = 2"], "changed", 2, "not as it was"),
        (["UPDATE events SET hash = '' WHERE seq = 4"], "changed", 4, "not as it was"),
        (["DELETE FROM events WHERE seq = 1"], "removed", 1, "event 1 is gone"),
        (["DELETE FROM events WHERE seq = 5"], "removed", 5, "event 5 is gone"),
        (["DELETE FROM events WHERE seq IN (3, 4)"], "removed", 3, "events 3 to 4 are gone"),
        (["DELETE FROM events WHERE seq = 5", *MOVE_DOWN], "removed", 5, "new numbers"),
        (["DELETE FROM events WHERE seq = 8"], "cut off", 8, "event 8 is gone"),
        (["DELETE FROM events WHERE seq > 6"], "cut off", 7, "events 7 to 8 are gone"),
        (["DELETE FROM events"], "cut off", 1, "events 1 to 8 are gone"),
        (
            [
                "UPDATE events SET seq = 99 WHERE seq = 4",
                "UPDATE events SET seq = 4 WHERE seq = 5",
                "UPDATE events SET seq = 5 WHERE seq = 99",
            ],
            "re-ordered",
            4,
            "in the place of event",
        ),
        (
            [
                "UPDATE events SET seq = 99 WHERE seq = 2",
                "UPDATE events SET seq = 2 WHERE seq = 7",
                "UPDATE events SET seq = 7 WHERE seq = 99",
            ],
            "re-ordered",
            2,
            "in the place of event",
        ),
        ([*MOVE_UP, PUT_IN.format(5, 6)], "inserted", 5, "was number 5"),
        ([PUT_IN.format(0, 1)], "inserted", 0, "was number 1"),
        ([PUT_IN.format(9, 8)], "inserted", 9, "(forged)"),
        (["DELETE FROM head"], "head changed", 8, "where the log ends"),
        (["UPDATE head SET hash = 'x'"], "head changed", 8, "where the log ends"),
    ],
)
def test_what_was_done_to_the_database_is_found_and_named(home, log, statements, finding, seq, words):
    for statement in statements:
        home.sql(statement.replace("{0}", "5"))
    verdict = home.open().audit().verify()
    assert not verdict
    assert (verdict.finding, verdict.seq) == (finding, seq), verdict
    assert words in verdict.says
    named = dict(home.sql("SELECT seq, id FROM events"))
    if verdict.event_id:
        assert named[seq] == verdict.event_id


def test_an_event_rewritten_with_its_own_hash_breaks_the_next_one(home, log):
    third, fourth = log.read()[2:4]
    row = {**vars(fourth), "actor": "ben"}
    home.sql(f"UPDATE events SET actor = 'ben', hash = '{link(third.hash, row)}' WHERE seq = 4")
    verdict = home.open().audit().verify()
    assert (verdict.finding, verdict.seq) == ("changed", 5)
    assert "or event 4 was changed and its hash made anew" in verdict.says


def test_a_head_noted_elsewhere_finds_what_the_log_cannot_show(home, log):
    noted = home.open().audit().head
    seventh = log.read()[6]
    home.sql("DELETE FROM events WHERE seq = 8")
    home.sql(f"UPDATE head SET seq = 7, hash = '{seventh.hash}'")
    audit = home.open().audit()
    assert audit.verify()  # the limit of a chain that lies beside what it guards
    assert audit.verify(head=noted).finding == "cut off"
    log.append("annotation", actor="ana", session="W23", trace_id="t9", payload={"note": "other"})
    later = home.open().audit()
    assert later.verify()
    assert (later.verify(head=noted).finding, later.verify(head=noted).seq) == ("rewritten", 8)


def test_a_head_of_an_earlier_day_still_holds(home, log):
    noted = home.open().audit().head
    log.append("annotation", actor="ana", session="W23", trace_id="t9", payload={"note": "more"})
    assert home.open().audit().verify(head=noted)
    with pytest.raises(fs.ArgumentError, match="is no head"):
        home.open().audit().verify(head="yesterday")


def test_a_log_without_a_head_takes_no_more_events(home, log):
    home.sql("DELETE FROM head")
    with pytest.raises(fs.IntegrityError, match="lost its head"):
        log.append("annotation", actor="ana")
    assert len(log.read()) == 8


def test_a_clock_that_goes_back_breaks_nothing_and_is_counted(home, log, monkeypatch):
    from failscope.workspace import store

    monkeypatch.setattr(store, "now", lambda: "2001-01-01T00:00:00.000000+00:00")
    log.append("annotation", actor="ana", session="W23", trace_id="t1", payload={"failure_modes": ["late"]})
    assert [e.seq for e in log.read()] == list(range(1, 10))
    assert log.read()[-1].payload == {"failure_modes": ["late"]}
    verdict = home.open().audit().verify()
    assert verdict
    assert verdict.backwards == 1
    assert "1 times a clock went back" in repr(verdict)


def test_an_export_is_verified_without_the_database(home, log, tmp_path):
    audit = home.open().audit()
    path = audit.export(tmp_path / "audit.jsonl")
    lines = path.read_text().splitlines()
    assert len(lines) == 9
    assert json.loads(lines[0])["head"] == audit.head
    back = Audit.read(path)
    assert back.verify(head=audit.head)
    assert back.to_frame().equals(audit.to_frame())

    (tmp_path / "less.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    assert Audit.read(tmp_path / "less.jsonl").verify().finding == "cut off"
    lines[4] = lines[4].replace("mode 4", "mode 5")
    (tmp_path / "other.jsonl").write_text("\n".join(lines) + "\n")
    assert Audit.read(tmp_path / "other.jsonl").verify().seq == 4


@pytest.mark.parametrize(
    "content", ["", "hello\n", '{"format": "else", "head": ""}\n', "[]\n", '{"head": "1:x"}\n']
)
def test_what_is_no_export_is_told(tmp_path, content):
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(fs.DataError, match=r"a\.jsonl"):
        Audit.read(tmp_path / "a.jsonl")


def test_the_audit_says_who_did_what_under_which_rubric_and_plan(home, ws, session):
    session.annotate("t001", reviewer="ana", failure_modes=["refusal"])
    session.undo(reviewer="ana")
    ws.log.append(
        "rubric_adopted", actor="cleo", session="2026-W23", payload={"name": "support", "version": 2}
    )
    session.annotate("t002", reviewer="ben", failure_modes=["<b>x</b>"], expected_output="n")
    session.propose("refunds", ["t002"], reviewer="ben", reason="new")
    ws.promote("refunds", curator="cleo", reason="audit")
    frame = home.open().audit().frame
    assert frame["what"].tolist() == [
        "traces added: 80 new",
        "clustering “review 2026-W23” saved",
        "review begun by ana, ben",
        "“refusal” on 't001'",
        "took back event 4",
        "rubric adopted: name support, version 2",
        "“<b>x</b>” and an expected output on 't002'",
        "1 proposed for “refunds”",
        "“refunds” version 1 promoted, 1 examples: audit",
    ]
    assert frame["rubric"].tolist() == [""] * 5 + ["support v2"] * 3 + [""]
    assert frame["plan"].iloc[3].startswith("strategy ")
    assert session.clustering.id[:12] in frame["plan"].iloc[3]
    assert set(frame["version"]) == {fs.__version__}
    shown = home.open().audit()._repr_html_()
    assert "<b>x</b>" not in shown
    assert "&lt;b&gt;x" in shown
    assert home.open().audit().verify()


def test_events_written_before_the_chain_are_chained_when_the_workspace_is_opened(home, log):
    before = [(e.seq, e.id, e.payload) for e in log.read()]
    log.close()
    for table in ("head", "files", "tombstones", "secrets", "deletions", "withdrawn"):
        home.sql(f"DROP TABLE {table}")
    home.sql("ALTER TABLE events DROP COLUMN hash")
    home.sql("UPDATE alembic_version SET version_num = '0001'")
    ws = home.open()
    assert [(e.seq, e.id, e.payload) for e in ws.log.read()] == before
    assert ws.audit().verify()
    ws.log.append("annotation", actor="ana", session="W23", trace_id="t9", payload={"note": "more"})
    assert ws.audit().verify()
    assert ws.audit().head.startswith("9:")
