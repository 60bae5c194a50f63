"""A team's database: five machines and no shared disk, passwords that stay unseen, a server that goes away."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Thread, Timer

import pytest

import failscope as fs
from failscope.errors import UnreachableWorkspaceError
from failscope.workspace import postgres, store
from failscope.workspace.store import Store
from tests.server import server_or_skip

pytestmark = pytest.mark.parametrize("home", ["postgres"], indirect=True)


COMPARED = {"expected": "compared by hand"}


def _database(home):
    return home.address.rsplit("/", 1)[1]


def _cut_all(home):
    home.server.cut(_database(home))


# one team, several machines ----------------------------------------------------------------------------------


def test_another_machine_sees_everything_without_a_shared_disk(home, ws, session, found, tmp_path):
    session.annotate("t001", reviewer="ana", failure_modes=["refusal"])
    session.propose("refunds", ["t001"], reviewer="ana")
    golden = ws.promote("refunds", curator="cleo", waive=COMPARED)
    other = home.open(folder=tmp_path / "other laptop")
    assert other.traces().frame.equals(ws.traces().frame)
    opened = other.start_review("2026-W23")
    assert opened.mark("t001")["failure_modes"] == ["refusal"]
    assert opened.clustering.labels.tolist() == found.labels.tolist()
    assert other.golden_sets() == ["refunds"]
    assert other.golden("refunds").sha256 == golden.sha256
    assert other.golden("refunds").verify()
    assert (tmp_path / "other laptop" / "golden" / "refunds" / "v0001" / "examples.jsonl").exists()


def test_vectors_are_made_once_for_the_whole_team(home, ws, tmp_path):
    class Counting:
        name = "counting"
        texts = 0

        def embed(self, texts):
            import numpy as np

            Counting.texts += len(texts)
            return np.array([[len(t), 1.0] for t in texts], dtype=np.float32)

    texts = ["one", "three", "seven"]
    for folder in ("a", "b"):
        cache = home.open(folder=tmp_path / folder).traces().vectors
        fs.embed_texts(texts, embedder=Counting(), cache=cache)
    assert Counting.texts == 3


def test_curators_on_two_machines_make_one_row_of_versions(home, ws, session, tmp_path):
    session.propose("refunds", ["t001"], reviewer="ana")
    ws.promote("refunds", curator="cleo", waive=COMPARED)
    other = home.open(folder=tmp_path / "other")
    other.propose("refunds", ["t002"], reviewer="ben")
    assert other.promote("refunds", curator="dee", waive=COMPARED).version == 2
    assert ws.golden("refunds").version == 2
    ws.propose("refunds", ["t003"], reviewer="ana")
    third = ws.promote("refunds", curator="cleo", waive=COMPARED)
    assert third.version == 3
    assert third.verify()
    assert len(other.golden("refunds")) == 3


def test_two_curators_at_once_both_succeed(home, ws, tmp_path):
    def promote(n: int) -> int:
        mine = home.open(folder=tmp_path / f"laptop {n}")
        mine.propose("refunds", [f"t00{n}"], reviewer="ana")
        return mine.promote("refunds", curator=f"curator {n}", waive=COMPARED).version

    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(promote, (1, 2, 3))) <= {1, 2, 3}
    golden = home.open(folder=tmp_path / "last").golden("refunds")
    assert len(golden) == 3
    assert golden.verify()


def test_a_golden_set_that_differs_from_the_teams_is_told_and_fetched_again(home, ws, session):
    session.propose("refunds", ["t001"], reviewer="ana")
    golden = ws.promote("refunds", curator="cleo", waive=COMPARED)
    with (golden.folder / "examples.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(fs.IntegrityError, match="fetched again"):
        ws.golden("refunds")
    shutil.rmtree(golden.folder)
    assert ws.golden("refunds").verify()


def test_a_damaged_copy_is_fetched_again(home, ws):
    part = next((ws.path / "traces").glob("*.parquet"))
    part.write_bytes(b"PAR1 no more")
    assert len(ws.traces()) == 80


def test_a_damaged_file_in_the_database_is_named(home, ws, tmp_path):
    home.sql("UPDATE files SET content = 'x'")
    with pytest.raises(fs.WorkspaceError, match="is not what was written"):
        home.open(folder=tmp_path / "new").traces()
    home.sql("DELETE FROM files")
    with pytest.raises(fs.WorkspaceError, match="restore the database"):
        home.open(folder=tmp_path / "new").traces()


def test_a_file_larger_than_a_piece_comes_back_whole(home, traces, tmp_path, monkeypatch):
    from failscope.workspace import files

    monkeypatch.setattr(files, "PIECE", 1_000)
    home.open().add(traces)
    assert home.sql("SELECT max(piece) FROM files")[0][0] > 3
    back = home.open(folder=tmp_path / "other").traces()
    assert back.frame.sort_index().equals(traces.frame.sort_index())


def test_a_folder_with_a_workspace_of_its_own_is_not_taken(home, tmp_path):
    fs.Workspace(tmp_path / "local")
    with pytest.raises(fs.ArgumentError, match="workspace of its own"):
        fs.Workspace(home.address, folder=tmp_path / "local")
    with pytest.raises(fs.ArgumentError, match="goes with a database"):
        fs.Workspace(tmp_path / "local", folder=tmp_path)


def test_a_folder_of_copies_is_not_taken_for_a_workspace(home, ws):
    with pytest.raises(fs.ArgumentError, match=f"copies of postgresql://ana@127.0.0.1:{home.server.port}"):
        fs.Workspace(ws.path)
    assert home.server.password not in (ws.path / ".failscope-database").read_text()
    assert not (ws.path / "failscope.db").exists()


def test_the_local_folder_has_the_databases_name_unless_one_is_given(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert fs.Workspace(home.address).path == tmp_path / _database(home)


# passwords ---------------------------------------------------------------------------------------------------


def test_a_password_is_never_shown(home, ws, session, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    secret = home.server.password
    wrong = home.address.replace(secret, "wrong-secret")
    shown = [repr(ws), ws._repr_html_(), repr(vars(ws)), repr(vars(ws.log)), repr(vars(ws.log._database))]
    shown += [repr(ws.log._engine), repr(ws.log._engine.url), repr(ws.audit()), repr(session)]
    for address in (
        wrong,
        home.address + "_none",
        home.address.replace(f":{home.server.port}", ":1"),
        home.address + "?password=" + secret,
        home.address + "?sslmode=sure",
        home.address.replace("127.0.0.1", "["),
        home.address.replace(f":{home.server.port}", ":port"),
        home.address.rsplit("/", 1)[0],
        home.address.replace("postgresql", "mysql"),
    ):
        with pytest.raises(fs.FailscopeError) as error:
            fs.Workspace(address, folder=home.folder)
        shown += [str(error.value), "".join(traceback.format_exception(error.value))]
    said = capsys.readouterr()
    everything = "\n".join([*shown, caplog.text, said.out, said.err])
    assert secret not in everything
    assert "wrong-secret" not in everything
    assert f"postgresql://ana@127.0.0.1:{home.server.port}/{_database(home)}" in repr(ws)


def test_a_password_comes_from_the_environment_or_from_pgpass(home, tmp_path, monkeypatch):
    secret, port = home.server.password, home.server.port
    bare = home.address.replace(f":{secret}@", "@")
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
    with pytest.raises(fs.WorkspaceError, match="PGPASSWORD"):
        fs.Workspace(bare, folder=tmp_path / "x")
    (tmp_path / "pgpass").write_text(f"# ours\nelsewhere:*:*:*:no\n127.0.0.1:{port}:*:ana:{secret}\n")
    assert len(fs.Workspace(bare, folder=tmp_path / "x").traces()) == 0
    (tmp_path / "pgpass").unlink()
    monkeypatch.setenv("PGPASSWORD", secret)
    assert len(fs.Workspace(bare, folder=tmp_path / "x").traces()) == 0


def test_pgpass_may_hold_colons_and_backslashes(home, tmp_path):
    (tmp_path / "pgpass").write_text("h:5432:d:u:a\\:b\\\\c\n")
    assert postgres._passed(("h", "5432", "d", "u"), {"PGPASSFILE": str(tmp_path / "pgpass")}) == "a:b\\c"
    assert postgres._passed(("h", "5432", "e", "u"), {"PGPASSFILE": str(tmp_path / "pgpass")}) == ""


def test_a_server_without_encryption_is_refused_when_it_is_required(home):
    with pytest.raises(UnreachableWorkspaceError, match="SSL"):
        fs.Workspace(home.address + "?sslmode=require", folder=home.folder)
    assert fs.Workspace(home.address + "?sslmode=disable", folder=home.folder).events().empty


# what is not a workspace -------------------------------------------------------------------------------------


def test_another_programs_database_is_left_alone(home):
    home.sql("CREATE TABLE theirs (x int)")
    with pytest.raises(fs.NotAWorkspaceError, match="'theirs'"):
        home.open()
    home.sql("CREATE TABLE alembic_version (version_num varchar(32))")
    home.sql("INSERT INTO alembic_version VALUES ('0001')")
    with pytest.raises(fs.NotAWorkspaceError, match="another program"):
        home.open()
    assert {row[0] for row in home.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")} == {
        "theirs",
        "alembic_version",
    }


def test_a_database_that_cannot_hold_every_text_is_refused(home):
    home.address = home.server.database("ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(fs.WorkspaceError, match="keeps text as LATIN1"):
        home.open()


def test_a_missing_database_or_driver_is_told_with_the_command(home, monkeypatch):
    with pytest.raises(fs.WorkspaceError, match="createdb"):
        fs.Workspace(home.address + "_none", folder=home.folder)
    monkeypatch.setitem(sys.modules, "pg8000", None)
    with pytest.raises(fs.MissingPackageError, match=r"failscope\[postgres\]"):
        home.open()


def test_who_may_only_read_can_read(home, ws, tmp_path):
    role = f"reader_{_database(home)}"
    home.sql(f"CREATE ROLE {role} LOGIN PASSWORD 'r'")
    home.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    address = home.address.replace(f"ana:{home.server.password}", f"{role}:r")
    theirs = fs.Workspace(address, folder=tmp_path / "theirs")
    assert len(theirs.traces()) == 80
    with pytest.raises(fs.ReadOnlyWorkspaceError, match="the right to write"):
        theirs.propose("refunds", ["t001"], reviewer="ana")
    assert ws.proposals().empty


# a server that goes away -------------------------------------------------------------------------------------


def test_a_save_after_the_connection_was_cut_is_made_over_a_new_one(home, ws, session):
    for n in range(3):
        session.annotate("t001", reviewer="ana", failure_modes=[f"mode {n}"])
        _cut_all(home)
    assert len(session.log.read(session="2026-W23")) == 4
    _cut_all(home)
    assert session.progress().loc["ana", "read"] == 1
    assert ws.audit().verify()


def test_a_connection_cut_in_mid_save_leaves_one_whole_event(home, session, monkeypatch):
    original, cuts = Store.append_in, []

    def cut_before_the_commit(self, connection, kind, **said):
        event = original(self, connection, kind, **said)
        if not cuts:
            cuts.append(event.id)
            _cut_all(home)
        return event

    monkeypatch.setattr(Store, "append_in", cut_before_the_commit)
    saved = session.annotate("t001", reviewer="ana", failure_modes=["refusal"])
    held = [e.id for e in session.log.read() if e.kind == "annotation"]
    assert held == [saved] == cuts


def test_an_answer_lost_after_the_commit_writes_nothing_twice(home, ws, session, monkeypatch):
    original, lost = Store.writing, []

    @contextmanager
    def deaf(self, **options):
        with original(self, **options) as connection:
            yield connection
        if not lost:
            lost.append(True)
            raise UnreachableWorkspaceError("the answer was lost")

    monkeypatch.setattr(Store, "writing", deaf)
    saved = session.annotate("t001", reviewer="ana", failure_modes=["refusal"])
    assert [e.id for e in session.log.read() if e.kind == "annotation"] == [saved]
    assert ws.audit().verify()


def test_a_transaction_that_is_cut_leaves_nothing(home, ws):
    before = len(ws.log.read())

    def write_and_lose() -> None:
        with ws.log.writing() as connection:
            ws.log.append_in(connection, "annotation", actor="ana")
            _cut_all(home)

    with pytest.raises(UnreachableWorkspaceError, match="doing it twice changes nothing"):
        write_and_lose()
    assert len(ws.log.read()) == before
    assert ws.audit().verify()


def test_a_save_waits_for_a_server_that_comes_back_and_else_says_so(
    home, traces, found, tmp_path, monkeypatch
):
    server = server_or_skip()  # its own, since others would miss theirs
    try:
        ws = fs.Workspace(server.database(), folder=tmp_path / "own")
        ws.add(traces)
        session = ws.start_review("2026-W23", fs.plan_review(found, budget=5), reviewers=["ana"])
        session.annotate("t001", failure_modes=["before"])
        server.stop()
        monkeypatch.setattr(store, "WAIT_S", 0.3)
        with pytest.raises(UnreachableWorkspaceError, match="cannot be reached"):
            session.annotate("t002", failure_modes=["lost"])
        with pytest.raises(UnreachableWorkspaceError, match="cannot be reached"):
            ws.traces()
        monkeypatch.setattr(store, "WAIT_S", 60.0)
        back = Timer(1.0, server.start)
        back.start()
        session.annotate("t003", failure_modes=["after"])
        back.join()
        said = [e.payload["failure_modes"][0] for e in ws.log.read() if e.kind == "annotation"]
        assert said == ["before", "after"]
        assert ws.audit().verify()
    finally:
        server.close()


def test_a_writer_that_holds_on_is_named_and_readers_go_on(home, ws, monkeypatch):
    monkeypatch.setattr(store, "WAIT_S", 0.2)
    impatient = home.open()
    with ws.log.writing() as connection:
        ws.log.append_in(connection, "annotation", actor="ana")
        assert impatient.log.revision == 1
        with pytest.raises(fs.LockedWorkspaceError, match="another writer"):
            impatient.log.append("annotation", actor="ben")
    assert impatient.log.append("annotation", actor="ben").seq == 3


def test_a_large_file_keeps_no_reviewer_waiting(home, ws, monkeypatch):
    monkeypatch.setattr(store, "WAIT_S", 0.5)
    other = home.open()
    with ws.log.writing(alone=False):
        assert other.log.append("annotation", actor="ben").seq == 2


def test_a_reader_never_misses_an_event_that_was_written_late(home, ws):
    """A writer that took its place in the log early and commits late must not appear behind a reader."""
    seen: list[int] = []
    done = Event()

    def follow() -> None:
        log = home.open().log
        while not done.is_set() or log.revision > (seen[-1] if seen else 0):
            seen.extend(e.seq for e in log.read(after=seen[-1] if seen else 0))

    reader = Thread(target=follow)
    reader.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            logs = [home.open().log for _ in range(4)]
            list(pool.map(lambda n: logs[n % 4].append("annotation", actor=f"r{n % 4}"), range(80)))
    finally:
        done.set()
        reader.join()
    assert seen == list(range(1, 82))


# who asks for it gets it -------------------------------------------------------------------------------------


def test_the_skip_without_a_server_is_a_failure_where_one_is_required(home, tmp_path):
    check = "from tests.server import server_or_skip; server_or_skip()"
    for required, outcome in (
        ("1", "FAILSCOPE_REQUIRE_POSTGRES=1, but PostgreSQL's initdb"),
        ("", "Skipped: PostgreSQL's"),
    ):
        script = f"import tests.server as s; s._program = lambda name: ''; {check}"
        environment = os.environ | {"FAILSCOPE_REQUIRE_POSTGRES": required}
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
        assert outcome in done.stderr
