"""Versions as files: branches, forks, tombstones, and a process that ends between any two writes."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import failscope as fs
from failscope.golden.dataset import GoldenSet, write_version
from failscope.golden.lines import example_id, line_of, manifest_bytes, sha
from failscope.golden.merging import head_of, merge
from failscope.golden.versions import branch_name, places, read_version
from failscope.golden.writing import forget_examples, write_lines


def row(trace_id: str, **said: Any) -> dict[str, Any]:
    """An example as a promotion writes it."""
    return {
        "id": example_id(trace_id),
        "input": f"ask {trace_id}",
        "expected_output": "answer",
        "criteria": [],
        "output": "wrong",
        "context": "",
        "system_prompt": "",
        "failure_modes": ["invented"],
        "note": "",
        "provenance": {"trace": {"trace_id": trace_id}, "promoted": {"version": 1}},
        **said,
    }


ABOUT = {"curator": "cleo", "at": "2026-06-01T00:00:00+00:00", "reason": "first", "failscope": "0"}


def about(**said: Any) -> dict[str, Any]:
    return {**ABOUT, **said}


@pytest.fixture
def home_of(tmp_path: Path) -> Path:
    return tmp_path / "here" / "refunds"


@pytest.fixture
def first(home_of: Path) -> GoldenSet:
    return write_version(home_of, [row("a"), row("b"), row("c")], about=ABOUT, parent=None)


def grow(golden: GoldenSet, *rows: dict[str, Any], **how: Any) -> GoldenSet:
    """The next version with these rows in place of, or beside, those there are."""
    lines = golden.rows.by_id() | {r["id"]: line_of(r) for r in rows}
    made = write_lines(golden.folder.parent, lines, about=ABOUT, parent=golden.as_version(), **how)
    return GoldenSet.of(made)


def test_equal_content_gives_equal_bytes_on_any_machine(tmp_path):
    rows = [row("a"), row("b", input="ünïcode\u2028\u0000 \U0001f600")]
    folders = [
        write_version(tmp_path / where / "refunds", r, about=ABOUT, parent=None).folder
        for where, r in (("x", rows), ("y", rows[::-1]))
    ]
    for name in ("examples.jsonl", "manifest.json", "croissant.json"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    body = (folders[0] / "examples.jsonl").read_bytes()
    assert b"\r" not in body
    assert body.count(b"\n") == 2


def test_a_diff_tells_what_each_change_means(first):
    second = grow(
        first, row("a", expected_output="better answer"), row("b", failure_modes=["refusal"]), row("d")
    )
    told = second.diff()
    assert told.counts() == {"added": 1, "edited": 1, "re-labelled": 1}
    edited = told.frame.loc[example_id("a")]
    assert (edited["before"], edited["after"]) == (
        {"expected_output": "answer"},
        {"expected_output": "better answer"},
    )
    assert "<ins>better" in told._repr_html_()
    assert "3 added" in repr(first.diff())
    assert len(second.diff(second)) == 0
    assert second.diff(1).counts() == told.counts()


def test_a_path_told_in_other_words_is_no_difference(first):
    second = grow(first, row("a", provenance={"trace": {"trace_id": "a"}, "promoted": {"version": 2}}))
    assert len(second.diff()) == 0


def test_a_branch_has_its_own_head_and_main_keeps_its(first):
    branch = grow(first, row("d"), branch="gpt-6")
    assert (branch.branch, branch.version, branch.folder.name) == ("gpt-6", 2, "v0002@gpt-6")
    home = first.folder.parent
    assert len(GoldenSet.open(home)) == 3
    assert len(GoldenSet.open(home, branch="gpt-6")) == 4
    assert grow(first, row("e")).folder.name == "v0002"
    assert branch.verify()
    with pytest.raises(fs.NotFoundError, match="branch 'x'"):
        GoldenSet.open(home, branch="x")


@pytest.mark.parametrize("name", ["", "A", "a/b", "../x", "a+b", "-a", "a" * 61, "ä", None])
def test_a_branch_that_cannot_be_a_folder_everywhere_is_refused(name):
    with pytest.raises(fs.ArgumentError, match="branch"):
        branch_name(name)


def test_merging_a_branch_takes_both_sides_changes(first):
    home = first.folder.parent
    grow(first, row("d"), row("a", note="theirs"), branch="audit")
    grow(first, row("e"), row("b", note="ours"))
    made = GoldenSet.of(merge(home, home, source_branch="audit", about=about)[0])
    assert made.examples["trace_id"].tolist() == sorted("abcde", key=example_id)
    assert set(made.examples["note"]) == {"", "theirs", "ours"}
    assert (made.version, made.branch) == (3, "main")
    assert made.manifest["merged"]["branch"] == "audit"
    assert made.verify()
    # again there is nothing to take
    assert merge(home, home, source_branch="audit", about=about)[0].sha256 == made.sha256


def test_an_example_that_both_sides_changed_needs_a_word(first):
    home = first.folder.parent
    grow(first, row("a", expected_output="theirs"), branch="audit")
    grow(first, row("a", expected_output="ours"))
    before = places(home)
    with pytest.raises(fs.MergeError, match=example_id("a")):
        merge(home, home, source_branch="audit", about=about)
    assert places(home) == before
    made, _ = merge(home, home, source_branch="audit", about=about, prefer={example_id("a"): "theirs"})
    assert "theirs" in GoldenSet.of(made).examples["expected_output"].tolist()


def test_an_example_retired_on_one_side_and_left_alone_on_the_other_is_retired(first):
    home = first.folder.parent
    gone = example_id("a")
    lines = {i: line for i, line in first.rows.by_id().items() if i != gone}
    said = {gone: {"by": "cleo", "at": "2026-06-02", "reason": "fixed", "version": 2}}
    write_lines(home, lines, about=ABOUT, parent=first.as_version(), branch="audit", retired=said)
    grow(first, row("d"))
    made = GoldenSet.of(merge(home, home, source_branch="audit", about=about)[0])
    assert gone not in made.rows.ids
    assert made.retired.loc[gone, "reason"] == "fixed"
    assert made.diff().frame.loc[gone, "change"] == "retired"


# two machines, one repository -------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str, fails: bool = False) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def clones(tmp_path: Path) -> tuple[Path, Path]:
    """Two clones of a repository that holds a golden set with one version."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    origin, a, b = (tmp_path / n for n in ("origin", "a", "b"))
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(origin))
    git(tmp_path, "clone", "-q", str(origin), str(a))
    git(a, "checkout", "-q", "-B", "main")
    write_version(a / "golden" / "refunds", [row("a"), row("b")], about=ABOUT, parent=None)
    git(a, "add", "-A")
    git(a, "commit", "-q", "-m", "first")
    git(a, "push", "-q", "origin", "main")
    git(tmp_path, "clone", "-q", str(origin), str(b))
    return a, b


def test_two_machines_that_made_the_same_version_merge_and_nothing_is_lost(clones):
    a, b = clones
    for clone, name in ((a, "from-a"), (b, "from-b")):
        home = clone / "golden" / "refunds"
        grow(
            GoldenSet.open(home),
            row(name),
            row("a", note="a was here") if clone == a else row("b", note="b was here"),
        )
        git(clone, "add", "-A")
        git(clone, "commit", "-q", "-m", name)
    git(a, "push", "-q", "origin", "main")
    git(b, "fetch", "-q")
    git(b, "merge", "-q", "origin/main", fails=True)  # both made v0002
    ours = b / "golden" / "refunds"
    # our side is whole in the working tree: no conflict marks were written into it
    assert GoldenSet.open(ours).verify()
    git(b, "worktree", "add", "-q", "--detach", str(b.parent / "theirs"), "origin/main")
    made = GoldenSet.of(merge(ours, b.parent / "theirs" / "golden" / "refunds", about=about)[0])
    assert made.version == 3
    assert set(made.trace_ids) == {"a", "b", "from-a", "from-b"}
    assert {"a was here", "b was here"} <= set(made.examples["note"])
    git(b, "add", "-A")
    git(b, "commit", "-q", "-m", "merged")
    git(b, "push", "-q", "origin", "main")
    mine = GoldenSet.open(a / "golden" / "refunds")
    git(a, "pull", "-q")
    last = GoldenSet.open(a / "golden" / "refunds")
    assert (last.version, last.sha256) == (3, made.sha256)
    assert last.verify()
    # what a made under the number that b's version took is still there, whole
    assert mine.sha256 in {read_version(last.folder.parent, p).sha256 for p in places(last.folder.parent)}


def test_a_conflict_that_git_wrote_into_a_file_is_named_as_one(clones):
    a, b = clones
    for clone, name in ((a, "from-a"), (b, "from-b")):
        home = clone / "golden" / "refunds"
        (home / ".gitattributes").write_text("")  # somebody took our word to git away
        grow(GoldenSet.open(home), row(name))
        git(clone, "add", "-A")
        git(clone, "commit", "-q", "-m", name)
    git(a, "push", "-q", "origin", "main")
    git(b, "fetch", "-q")
    git(b, "merge", "-q", "origin/main", fails=True)
    with pytest.raises(fs.IntegrityError, match=r"git conflict.*ws\.merge"):
        GoldenSet.open(b / "golden" / "refunds")


def test_a_copy_takes_the_merge_of_what_it_made_itself(tmp_path, first):
    ours, theirs = first.folder.parent, tmp_path / "copy" / "refunds"
    shutil.copytree(ours, theirs)
    grow(first, row("d"))
    grow(GoldenSet.open(theirs), row("e"))
    made, _ = merge(ours, theirs, about=about)
    back, _ = merge(theirs, ours, about=about)
    assert back.sha256 == made.sha256
    assert GoldenSet.open(theirs).verify()
    assert GoldenSet.open(theirs).version == 3


def test_two_merges_that_settled_a_difference_apart_ask_again(tmp_path, first):
    ours, theirs = first.folder.parent, tmp_path / "copy" / "refunds"
    shutil.copytree(ours, theirs)
    grow(first, row("a", note="ours"))
    grow(GoldenSet.open(theirs), row("a", note="theirs"))
    before = tmp_path / "before" / "refunds"
    shutil.copytree(ours, before)
    merge(ours, theirs, about=about, prefer="ours")
    merge(theirs, before, about=lambda: {**ABOUT, "curator": "dee"}, prefer="ours")  # the other way
    with pytest.raises(fs.MergeError, match=example_id("a")):
        merge(ours, theirs, about=about)


@pytest.mark.parametrize("name", ["v00002", "v0001@main", "v0001+", "vx", "v0002"])
def test_a_folder_that_looks_like_a_version_and_is_none_is_named(first, name):
    path = first.folder.parent / name
    if name == "v0002":
        path.symlink_to(first.folder)
    else:
        path.mkdir()
    with pytest.raises(fs.IntegrityError, match=r"take it away"):
        first.verify()


def test_a_description_that_was_deleted_is_missed(first):
    (first.folder / "croissant.json").unlink()
    with pytest.raises(fs.IntegrityError, match="croissant"):
        first.verify()


def test_a_manifest_whose_lines_were_put_elsewhere_is_refused(first):
    path = first.folder / "manifest.json"
    text = path.read_text("utf-8")
    line = next(part for part in text.split("\n") if part.startswith(' "sha256"'))
    path.write_text(text.replace(line + "\n", "").replace("{\n", "{\n" + line + "\n", 1), "utf-8")
    with pytest.raises(fs.IntegrityError, match="manifest"):
        first.verify()


def test_a_copy_that_only_went_on_is_taken_as_it_is(tmp_path, first):
    copy = tmp_path / "copy" / "refunds"
    shutil.copytree(first.folder.parent, copy)
    theirs = grow(grow(GoldenSet.open(copy), row("d")), row("e"))
    made = GoldenSet.of(merge(first.folder.parent, copy, about=about)[0])
    assert (made.version, made.sha256) == (3, theirs.sha256)
    assert made.verify()


def test_a_copy_with_a_changed_byte_is_not_taken(tmp_path, first):
    copy = tmp_path / "copy" / "refunds"
    shutil.copytree(first.folder.parent, copy)
    theirs = grow(GoldenSet.open(copy), row("d"))
    path = theirs.folder / "examples.jsonl"
    path.write_bytes(path.read_bytes().replace(b"ask d", b"ask x"))
    with pytest.raises(fs.IntegrityError, match="examples"):
        merge(first.folder.parent, copy, about=about)
    assert [p.version for p in places(first.folder.parent)] == [1]


def test_what_was_brought_in_and_not_merged_blocks_the_next_version_until_it_is(tmp_path, first, monkeypatch):
    home, copy = first.folder.parent, tmp_path / "copy" / "refunds"
    shutil.copytree(home, copy)
    grow(GoldenSet.open(copy), row("d"))
    ours = grow(first, row("e"))
    with monkeypatch.context() as patched:
        patched.setattr("failscope.golden.merging.write_lines", _killed)
        with pytest.raises(KeyboardInterrupt):
            merge(home, copy, about=about)
    assert len(GoldenSet.open(home)) == len(ours)
    with pytest.raises(fs.MergeError, match=r"ws\.merge"):
        head_of(home)
    assert set(GoldenSet.of(merge(home, copy, about=about)[0]).trace_ids) == set("abcde")
    assert head_of(home).place.version == 3


def _killed(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


# a process that ends in the middle -----------------------------------------------------------------------------------


class Fault:
    """Raises at the k-th call that writes to the disk, and at every one after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, k: int, error: BaseException) -> None:
        self.calls, self.k, self.error = 0, k, error
        real_open, real_fsync, real_rename = Path.open, os.fsync, Path.rename
        real_replace, real_mkdir = Path.replace, Path.mkdir

        def opened(path: Path, mode: str = "r", *a: Any, **kw: Any) -> Any:
            if "w" in mode:
                self.step()
            return real_open(path, mode, *a, **kw)

        def counted(real: Any) -> Any:
            def call(*a: Any, **kw: Any) -> Any:
                self.step()
                return real(*a, **kw)

            return call

        monkeypatch.setattr(Path, "open", opened)
        monkeypatch.setattr(os, "fsync", counted(real_fsync))
        for name, real in (("rename", real_rename), ("replace", real_replace), ("mkdir", real_mkdir)):
            monkeypatch.setattr(Path, name, counted(real))

    def step(self) -> None:
        self.calls += 1
        if self.calls >= self.k:
            raise self.error


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")],
    ids=["killed", "disk full"],
)
def test_a_version_that_is_not_finished_leaves_the_last_one_whole(first, monkeypatch, error):
    home, k = first.folder.parent, 0
    while True:
        k += 1
        with monkeypatch.context() as patched:
            fault = Fault(patched, k, error)
            try:
                grow(first, row("d"))
                done = True
            except (KeyboardInterrupt, OSError):
                done = False
        golden = GoldenSet.open(home)
        assert golden.verify()
        if golden.version == 2:  # the rename was done; only the folder's name was not synced yet
            assert golden.trace_ids.count("d") == 1
            shutil.rmtree(golden.folder)
        if done:
            break
    assert fault.calls <= k  # a folder whose name could not be synced is no reason to stop
    assert k > 8


def test_a_disk_that_is_full_leaves_no_half_folder(first, monkeypatch):
    with monkeypatch.context() as patched:
        Fault(patched, 5, OSError(errno.ENOSPC, "No space left on device"))
        with pytest.raises(OSError, match="No space"):
            grow(first, row("d"))
    assert sorted(p.name for p in first.folder.parent.iterdir()) == [".gitattributes", ".gitignore", "v0001"]


# texts that were removed on request ----------------------------------------------------------------------------------


def test_a_tombstone_keeps_hashes_and_counts_true(first):
    second = grow(first, row("d"))
    home = first.folder.parent
    done = forget_examples(home, ["a", "not there"])
    assert done == {"v0001": [example_id("a")], "v0002": [example_id("a")]}
    golden = GoldenSet.open(home)
    assert golden.verify()
    assert golden.sha256 == second.sha256
    assert (len(golden), golden.forgotten) == (3, [example_id("a")])
    assert len(golden.manifest["examples"]) == 4
    assert b"ask a" not in b"".join(p.read_bytes() for p in home.rglob("*") if p.is_file())
    with pytest.raises(fs.NotFoundError, match="removed on"):
        golden.provenance(example_id("a"))
    assert forget_examples(home, ["a"]) == {}


def test_a_forged_tombstone_does_not_verify(first):
    forget_examples(first.folder.parent, ["a"])
    path = first.folder / "examples.jsonl"
    sound = path.read_bytes()
    lines = sound.split(b"\n")
    for k, line in enumerate(lines[:-1]):
        said = json.loads(line)
        other = {"id": said["id"], "forgotten": {"at": "2026-01-01T00:00:00+00:00", "sha256": "0" * 64}}
        path.write_bytes(b"\n".join([*lines[:k], line_of(other), *lines[k + 1 :]]))
        with pytest.raises(fs.IntegrityError, match=said["id"]):
            first.verify()
    path.write_bytes(sound)
    assert first.verify()
    path.write_bytes(sound.replace(b"ask b", b"ask x"))
    with pytest.raises(fs.IntegrityError, match=example_id("b")):
        first.verify()


def test_a_version_with_links_in_it_is_refused(first, tmp_path):
    path = first.folder / "examples.jsonl"
    elsewhere = tmp_path / "elsewhere.jsonl"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with pytest.raises(fs.IntegrityError, match="link"):
        first.verify()
    (first.folder.parent / "v0002").symlink_to(first.folder)
    assert [p.version for p in places(first.folder.parent)] == [1]


def test_a_set_of_the_first_format_still_opens(tmp_path):
    """As failscope wrote it before there were branches, criteria and retired examples."""
    home = tmp_path / "refunds"
    old = {k: v for k, v in row("a").items() if k != "criteria"}
    line = line_of(old) + b"\n"
    manifest = {
        "format": "failscope golden set 1",
        "name": "refunds",
        "version": 1,
        "parent": None,
        **ABOUT,
        "files": {"examples.jsonl": {"bytes": len(line), "sha256": sha(line)}},
        "examples": {old["id"]: sha(line)},
    }
    manifest["sha256"] = sha(manifest_bytes(manifest))
    (home / "v0001").mkdir(parents=True)
    (home / "v0001" / "examples.jsonl").write_bytes(line)
    (home / "v0001" / "manifest.json").write_bytes(manifest_bytes(manifest))
    golden = GoldenSet.open(home)
    assert golden.verify()
    assert golden.examples["criteria"].tolist() == [[]]
    second = grow(golden, row("b"))
    assert second.diff().counts() == {"added": 1}
