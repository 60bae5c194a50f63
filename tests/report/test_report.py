"""The report of a review: its figures are the session's, it loads nothing, hostile texts stay texts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import sqlite3
from html.parser import HTMLParser
from pathlib import Path

import pytest

import failscope as fs
from failscope.report.words import percent

ROOT = Path(__file__).resolve().parents[2]
KNOWN = """
html head meta title style body main header section footer h1 h2 h3 p b ul li dl dt dd div span br code figure figcaption
table caption thead tbody tr th td svg line circle path polyline text
"""
TAGS = set(KNOWN.split())
LOADING = {"src", "href", "srcset", "data", "action", "poster", "background", "style", "xlink:href"}


class Page(HTMLParser):
    """Tags, attributes and texts of a page, as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def same(shown, told) -> bool:
    return (shown is None and told != told) or shown == told


# figures -----------------------------------------------------------------------------------------------------


def test_shares_are_those_of_the_session(report, told):
    frame = told.prevalence()
    rows = {row["name"]: row for row in report.data["prevalence"]["modes"]}
    assert set(rows) == set(frame.index)
    for mode, row in frame.iterrows():
        for column in ("estimate", "low", "high", "count", "of", "naive", "assisted", "method"):
            assert same(rows[mode][column], row[column]), (mode, column)


def test_progress_and_reads_are_those_of_the_session(report, told):
    reading, done = report.data["reading"], told.progress()
    assert [p["read"] for p in reading["reviewers"]] == done["read"].tolist()
    assert [p["due"] for p in reading["reviewers"]] == done["due"].tolist()
    assert reading["read"] == int(told.marks()["read"].sum()) == 14
    assert reading["read_by_two"] == 6
    assert sum(reading["kinds"].values()) == 14


def test_agreement_is_that_of_the_session(report, told):
    frame = told.agreement().frame
    rows = {row["name"]: row for row in report.data["agreement"]["rows"]}
    for name, row in frame.iterrows():
        for column in ("traces", "percent", "alpha", "ac1", "says"):
            assert same(rows[name][column], row[column]), (name, column)


def test_the_curve_and_the_stop_rule_are_those_of_the_session(report, told):
    frame, shown = told.saturation(), report.data["saturation"]
    assert [r["modes"] for r in shown["curve"]] == frame["modes"].tolist()
    assert [r["new_high"] for r in shown["curve"]] == frame["new_high"].tolist()
    assert shown["enough"] == bool(frame["enough"].iloc[-1])


def test_groups_and_scores_are_those_of_the_session(report, told):
    frame = told.by_cluster()
    rows = {row["cluster"]: row for row in report.data["prevalence"]["clusters"]}
    assert set(rows) == set(frame.index[frame["of"] > 0])
    assert all(same(rows[c]["high"], frame.loc[c, "high"]) for c in rows)
    scores = {row["dimension"]: row for row in report.data["prevalence"]["scores"]["rows"]}
    assert all(scores[d]["estimate"] == told.scores().loc[d, "estimate"] for d in scores)


def test_what_comes_next_is_that_of_the_session(report, told):
    ahead = report.data["next"]
    assert ahead["left"] == len(told.unread())
    assert [u["trace_id"] for u in ahead["unread"]] == told.unread()["trace_id"].head(12).tolist()
    assert ahead["reads_needed"][0]["within_2"] == told.reads_needed(within=0.02)
    due = told.progress()["due"]
    assert {d["reviewer"]: len(d["trace_ids"]) for d in ahead["due"]} == due[due > 0].to_dict()


def test_a_difference_is_told_with_its_decision_and_once(report, told):
    row = next(r for r in report.data["differences"]["rows"] if r["settled"])
    assert (row["failure_modes"], row["reason"], row["by"]) == (["odd tone"], "it is curt", "ana")
    assert len(report.data["differences"]["rows"]) == len(told.disagreements())
    assert not any("settled" in d["what"] for d in report.data["decisions"])


def test_golden_examples_are_told_with_their_ids(report, told_ws):
    golden = report.data["golden"]
    assert (golden["proposed"], golden["promoted"]) == (3, 2)
    held = told_ws.golden("basics")
    assert [e["id"] for e in golden["examples"]] == sorted(row["id"] for row in held.rows)
    assert all(held.provenance(e["id"]).trace["trace_id"] == e["trace_id"] for e in golden["examples"])


def test_the_trend_is_that_of_the_earlier_reviews(fresh, found):
    ws, told = fresh
    later = ws.start_review("2026-W26", fs.plan_review(found, budget=8, random_state=1), reviewers=["ana"])
    for i in later.plan.frame["trace_id"]:
        later.annotate(i, failure_modes=["no answer"])
    shown = ws.report("2026-W26").data["prevalence"]
    assert shown["reviews"] == ["2026-W25", "2026-W26"]
    row = next(r for r in shown["modes"] if r["name"] == "no answer")
    assert row["trend"][0]["estimate"] == told.prevalence(assisted=False).loc["no answer", "estimate"]
    assert row["trend"][1]["estimate"] == row["estimate"]


def test_what_is_new_is_compared_over_the_weeks_of_a_kept_clustering(fresh, found):
    ws, _ = fresh
    ws.save_clustering("all weeks", found)
    basis = ws.report("2026-W25").data["new"]["basis"]
    assert basis["weeks"] == ["2026-W23", "2026-W24", "2026-W25"]
    assert basis["clustering"] == found.id


def test_html_and_markdown_tell_the_same(report):
    page, written = Page(report.html).text, re.sub(r"\\(.)", r"\1", report.markdown)
    for line in [
        *report.data["headline"]["says"],
        *report.data["reading"]["says"],
        *report.data["next"]["says"],
    ]:
        assert line in page
        assert line in written
    for row in report.data["prevalence"]["modes"]:
        interval = f"({percent(row['low'])} to {percent(row['high'])})"
        assert interval in page
        assert f"| {row['name']}" in written
        assert interval in written
    titles = re.findall(r"<h2>(.*?)</h2>", report.html)
    assert titles == re.findall(r"^## (.*)$", report.markdown, re.M)


def test_its_data_is_json(report):
    assert json.loads(json.dumps(report.data, allow_nan=False)) == report.data


def test_the_documents_that_the_method_names_are_there(report):
    assert all((ROOT / page).is_file() for page in report.data["method"]["methods"].values())


# what may be missing -----------------------------------------------------------------------------------------


def test_a_review_in_which_nothing_was_read_says_so(ws, session):
    made = ws.report("2026-W23")
    assert "none of the random sample was read yet" in made.data["headline"]["says"][0]
    assert made.data["saturation"]["says"] == "Nothing was read yet."
    assert made.data["agreement"]["rows"] == []
    assert "nan" not in Page(made.html).text.lower().split()
    assert "nan" not in made.markdown.lower().split()


def test_a_review_with_one_reader_says_that_agreement_is_not_known(ws, found):
    session = ws.start_review("alone", fs.plan_review(found, budget=6), reviewers=["ana"])
    for i in session.plan.frame["trace_id"]:
        session.annotate(i, failure_modes=[])
    made = ws.report("alone")
    assert made.data["agreement"]["says"].startswith("Nobody read what another had read")
    assert made.data["next"]["says"][0] == "Nothing of the plan is left."
    assert made.data["examples"] == []
    assert made.html


def test_a_review_without_a_random_sample_gives_no_share(ws, found):
    plan = fs.plan_review(found, budget=6, strategy="explore")
    session = ws.start_review("chosen", plan, reviewers=["ana"])
    for i in session.plan.frame["trace_id"].head(3):
        session.annotate(i, failure_modes=["no answer"])
    made = ws.report("chosen")
    assert "the plan has no random sample" in made.data["prevalence"]["says"][0]
    assert made.data["next"]["reads_needed"] == []
    assert made.data["headline"]["tiles"][0]["value"] == "not known"
    assert made.markdown


def test_a_review_that_is_not_there_is_an_error_that_lists_those_that_are(ws, session):
    with pytest.raises(fs.NotFoundError, match="no review 'x'; there are '2026-W23'"):
        ws.report("x")


def test_a_log_that_was_changed_is_told_first(fresh, tmp_path):
    with sqlite3.connect(tmp_path / "ws" / "failscope.db") as db:
        db.execute(
            "update events set payload = replace(payload, 'odd tone', 'fine tone') where kind = 'annotation'"
        )
    made = fs.Workspace(tmp_path / "ws").report("2026-W25")
    assert not made.data["method"]["audit"]["whole"]
    assert made.data["headline"]["says"][0].startswith("The log was changed")
    assert 'class="alarm"' in made.html


def test_a_damaged_golden_set_is_told_and_the_report_is_made(fresh, tmp_path):
    ws, _ = fresh
    file = next((tmp_path / "ws" / "golden" / "basics").rglob("examples.jsonl"))
    file.chmod(0o644)
    file.write_text(file.read_text().replace("lamp", "lump") + "\n")
    made = ws.report("2026-W25")
    assert made.data["golden"]["broken"]
    assert made.data["golden"]["promoted"] == 0


# the page ----------------------------------------------------------------------------------------------------


def test_the_page_loads_nothing(report):
    page = Page(report.html)
    assert set(page.tags) <= TAGS
    assert not {name for name, _ in page.attributes} & LOADING
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    style = re.search(r"<style>(.*?)</style>", report.html, re.S)[1]
    assert "url(" not in style
    assert "@import" not in style


def test_its_policy_allows_nothing_but_its_own_style(report):
    policy = dict(Page(report.html).attributes)
    rules = next(v for n, v in Page(report.html).attributes if n == "content" and v.startswith("default-src"))
    style = re.search(r"<style>(.*?)</style>", report.html, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert rules == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert policy


def test_tables_name_their_columns_and_pictures_say_what_they_show(report):
    assert "<th>" not in report.html
    assert report.html.count("<th ") == report.html.count('<th scope="')
    for svg in re.findall(r"<svg[^>]*>", report.html):
        assert 'aria-label="' in svg or 'aria-hidden="true"' in svg


def test_hostile_texts_stay_texts_in_html(hostile_ws):
    made = hostile_ws.report("W<b>1</b>")
    page = Page(made.html)
    assert set(page.tags) <= TAGS
    assert not {name for name, _ in page.attributes} & LOADING
    assert "<script>mode</script>" in page.text
    assert "<script>alert(1)</script>" in page.text
    assert "{{ data }}" in page.text
    assert not set(re.findall(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", made.html))


def test_hostile_texts_stay_texts_in_markdown(hostile_ws):
    written = hostile_ws.report("W<b>1</b>").markdown
    assert not set(re.findall(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", written))
    lines = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", written).split("\n")  # what is outside of code spans
    outside = "\n".join(lines)
    assert not re.search(r"(?<!\\)<", outside)
    assert not re.search(r"(?<!\\)\]\(|(?<!\\)!\[", outside)
    assert not [line for line in lines if line.startswith(("# heading", "```"))]
    for table in re.findall(r"(?:^\|.*\n)+", outside, re.M):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


def test_personal_data_is_masked_everywhere(report):
    for made in (report.html, report.markdown, json.dumps(report.data)):
        assert "jane.doe" not in made
    assert report.data["masked"]["counts"]["e-mail"] > 0
    assert "names" in Page(report.html).text.split("Not everything can be:")[1]


def test_the_same_log_gives_the_same_bytes(told_ws):
    first = told_ws.report("2026-W25", now="2026-06-18")
    again = fs.Workspace(told_ws.path).report("2026-W25", now="2026-06-18")
    assert first.html == again.html
    assert first.markdown == again.markdown
    assert "2026-06-18 00:00 UTC" in first.html


def test_it_is_saved_by_its_suffix(report, tmp_path):
    assert report.save(tmp_path / "r.html").read_text(encoding="utf-8") == report.html
    assert report.save(tmp_path / "r.MD").read_text(encoding="utf-8") == report.markdown
    with pytest.raises(fs.ArgumentError, match=r"name it 'report\.html' or 'report\.md'"):
        report.save(tmp_path / "r.pdf")
    with pytest.raises(fs.ArgumentError, match="cannot be written"):
        report.save(tmp_path / "not there" / "r.md")


def test_a_save_that_fails_leaves_the_old_file_and_no_half(report, tmp_path, monkeypatch):
    target = tmp_path / "r.md"
    target.write_text("old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(fs.ArgumentError, match="No space left"):
        report.save(target)
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["r.md"]


def test_a_notebook_shows_the_headline_alone(report):
    shown = report._repr_html_()
    assert "2026-W25" in shown
    assert len(shown) < 3_000


@pytest.mark.browser
def test_a_browser_opens_it_without_a_request_and_prints_it_whole(hostile_ws, report, tmp_path):
    if shutil.which("chromium") is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for n, made in enumerate((report, hostile_ws.report("W<b>1</b>"))):
            file = made.save(tmp_path / f"r{n}.html")
            page = browser.new_page(viewport={"width": 1000, "height": 800})
            asked: list[str] = []
            said: list[str] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("console", lambda message, said=said: said.append(message.text))
            page.goto(file.as_uri())
            assert asked == [file.as_uri()]
            assert said == []
            dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
            page.emulate_media(color_scheme="dark")
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
            page.emulate_media(media="print", color_scheme="dark")
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
            # A4 less its margins, at 96 dots an inch: nothing reaches over the right edge
            page.set_viewport_size({"width": round((210 - 30) / 25.4 * 96), "height": 1000})
            assert (
                page.evaluate(
                    "[...document.querySelectorAll('table, svg, dl, p')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).length"
                )
                == 0
            )
        browser.close()
