"""Provenance: the card, W3C PROV and Croissant say how an example was found, whatever its texts are."""

from __future__ import annotations

import doctest
import hashlib
import json
import re
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prov.model import ProvDocument

from failscope.golden import croissant as croissant_module
from failscope.golden.croissant import FIELDS, croissant
from failscope.golden.dataset import GoldenSet
from failscope.golden.lines import line_of
from failscope.golden.provenance import provenance as provenance_module
from failscope.golden.provenance import provjson, timeline
from failscope.golden.provenance.prov import prov_of
from failscope.golden.provenance.provenance import Provenance
from failscope.golden.writing import write_lines

SHA = "ab" * 32
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e"
ANY = st.text(min_size=1, max_size=12).map(lambda t: t.encode("utf-8", "replace").decode())


def row(number: int = 1, **provenance) -> dict:
    steps = {
        "trace": {
            "trace_id": f"t{number:03d}",
            "timestamp": "2026-06-02T16:09:06.549000+00:00",
            "week": "2026-W23",
            "log_file": "june/log.jsonl.gz",
            "log_line": 1065 + number,
            "log_sha256": SHA,
            "model": "m1",
            "prompt_version": "v3",
            "text_sha256": "cd" * 32,
        },
        "found": [
            {
                "review": "2026-W23",
                "strategy": "balanced",
                "budget": 120,
                "position": 18,
                "reason": "drawn at random, 24 of 288",
                "probability": 1 / 12,
                "clustering": "394415061d61",
                "view": "behaviour",
                "embedder": "minilm",
                "params": {"clusterer": "leiden", "neighbors": 15},
                "random_state": 0,
                "cluster": 4,
                "cluster_name": "numbers from nowhere",
                "cluster_tags": ["invented policy"],
            }
        ],
        "said": [
            {
                "reviewer": "ana",
                "at": "2026-06-09T09:12:44+00:00",
                "review": "2026-W23",
                "what": f"“invented policy” and a note on 't{number:03d}'",
                "failure_modes": ["invented policy"],
                "scores": {"factual_correctness": 1},
                "rubric": {"version": "3fa9c0b1d2e4"},
            }
        ],
        "agreement": {
            "readers": ["ana", "ben"],
            "agree": False,
            "settled": {"by": "cleo", "reason": "see May"},
        },
        "proposed": [
            {"reviewer": "ana", "at": "2026-06-09T10:30:00+00:00", "reason": "new", "review": "2026-W23"}
        ],
        "edited": [
            {
                "by": "ben",
                "at": "2026-06-10T07:41:00+00:00",
                "reason": "no names",
                "fields": ["expected_output", "input"],
                "masked": {"e-mail": 2},
            }
        ],
        "gate": {
            "readers": {"passed": True, "waived": False, "says": "2 people read it"},
            "near_duplicate": {"passed": False, "waived": True, "says": "0.03 from ex-1"},
        },
        "waived": [
            {
                "check": "near_duplicate",
                "by": "cleo",
                "at": "2026-06-10T07:55:00+00:00",
                "reason": "another tone",
            }
        ],
        "promoted": {
            "curator": "cleo",
            "at": "2026-06-10T08:00:00+00:00",
            "reason": "refund audit",
            "version": 3,
            "branch": "main",
            "failscope": "0.1.0",
            "as_of": 41,
        },
    }
    return {
        "id": f"ex-{number:016x}",
        "input": "May I return it?\nIt broke. ü 漢字 🙂",
        "expected_output": None,
        "criteria": [{"type": "must_refuse"}],
        "output": "A fee of 15 applies.",
        "context": "",
        "system_prompt": "",
        "failure_modes": ["invented policy"],
        "note": "",
        "provenance": {**steps, **provenance},
    }


def old_row() -> dict:
    """As version 1 of the format wrote it."""
    told = row()
    del told["criteria"]
    for step in ("agreement", "edited", "gate", "waived"):
        del told["provenance"][step]
    for fact in ("log_sha256", "text_sha256"):
        del told["provenance"]["trace"][fact]
    return told


@pytest.fixture
def golden(tmp_path):
    home = tmp_path / "refunds"
    about = {"curator": "cleo", "at": "2026-06-10T08:00:00+00:00", "reason": "audit", "failscope": "0.1.0"}
    gone = {"by": "cleo", "at": "2026-06-11T08:00:00+00:00", "reason": "no longer sold", "version": 2}
    rows = [row(n) for n in (1, 2)]
    first = write_lines(home, {r["id"]: line_of(r) for r in rows}, about=about, parent=None)
    rest = {rows[0]["id"]: line_of(rows[0])}
    second = write_lines(home, rest, about=about, parent=first, retired={rows[1]["id"]: gone})
    return GoldenSet.of(second)


def read_prov(told: dict) -> ProvDocument:
    return ProvDocument.deserialize(content=json.dumps(told), format="json")


def texts_of(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", markup).split())


# the card ----------------------------------------------------------------------------------------------------


def test_the_card_tells_every_step_in_its_order():
    shown = texts_of(Provenance.of(row(), golden="refunds")._repr_html_())
    told = [
        "Provenance of ex-0000000000000001 in refunds",
        "Log file june/log.jsonl.gz , line 1,066 · sha256 abababababab…",
        "Trace 2026-06-02 16:09 UTC t001 week 2026-W23 · model m1 · prompt version v3",
        "Plan of review 2026-W23 number 18 of 120 on the list of what to read · strategy balanced",
        "drawn at random, 1 in 12 : 24 of 288",
        "cluster 4 “numbers from nowhere”, called “invented policy” view behaviour · embedder minilm · seed 0",
        "2 parameters clusterer = leiden; neighbors = 15",
        "Read by ana 2026-06-09 09:12 UTC “invented policy” and a note review 2026-W23 · rubric version 3fa9c0b1d2e4",
        "ana and ben differ settled by cleo: see May",
        "Proposed by ana 2026-06-09 10:30 UTC new",
        "Edited by ben 2026-06-10 07:41 UTC changed expected output, input no names masked: e-mail × 2",
        "✓ readers 2 people read it",
        "waived near duplicate 0.03 from ex-1 waived by cleo: another tone 2026-06-10 07:55 UTC",
        "Promoted by cleo 2026-06-10 08:00 UTC refund audit version 3 · branch main · failscope 0.1.0",
    ]
    places = [shown.find(one) for one in told]
    assert -1 not in places, told[places.index(-1)]
    assert places == sorted(places)


def test_the_full_hash_is_in_the_title():
    assert f"title='{SHA}'" in Provenance.of(row())._repr_html_()


def test_a_chosen_trace_is_not_said_to_be_drawn():
    step = {**row()["provenance"]["found"][0], "probability": None, "reason": "has a bad signal"}
    shown = texts_of(Provenance.of(row(found=[step]))._repr_html_())
    assert "chosen: has a bad signal" in shown
    assert "random" not in shown


def test_a_trace_that_no_plan_had_says_so():
    step = {"review": "2026-W23", "strategy": "balanced", "budget": 120}
    assert "not on the list" in Provenance.of(row(found=[step]))._repr_html_()


def test_a_waiver_of_a_check_that_the_gate_does_not_name_is_shown():
    assert "another tone" in Provenance.of(row(gate={}))._repr_html_()


def test_an_example_of_an_older_version_has_the_steps_it_has():
    path = Provenance.of(old_row())
    shown = texts_of(path._repr_html_())
    assert "june/log.jsonl.gz , line 1,066 Trace" in shown
    assert not {"Gate", "Agreement", "Edited"} & set(shown.split())
    assert set(path.to_frame()["step"]) == {"trace", "found", "said", "proposed", "promoted"}


def test_the_frame_has_one_row_a_fact_in_the_order_of_the_steps():
    frame = Provenance.of(row()).to_frame()
    assert list(frame) == ["step", "what", "value"]
    assert list(dict.fromkeys(frame["step"])) == [
        "trace", "found", "said", "agreement", "proposed", "edited", "gate", "waived", "promoted",
    ]  # fmt: skip
    assert frame.set_index(["step", "what"]).loc[("trace", "log_sha256"), "value"] == SHA


def test_the_dict_is_what_the_file_holds():
    told = Provenance.of(row()).to_dict()
    assert told.pop("example_id") == row()["id"]
    assert told == row()["provenance"]


def test_the_hash_of_an_example_is_that_of_its_line(golden):
    path = Provenance.of(golden.rows[0])
    assert path.sha256 == golden.manifest["examples"][path.example_id]


def with_every_text(value, text):
    if isinstance(value, dict):
        return {key: with_every_text(one, text) for key, one in value.items()}
    if isinstance(value, list):
        return [with_every_text(one, text) for one in value]
    return text if isinstance(value, str) else value


@settings(max_examples=40, deadline=None)
@given(st.one_of(st.just(HOSTILE), st.just("W" * 3_000), ANY))
def test_no_text_breaks_out_of_the_card(text):
    plain = Provenance.of(row())._repr_html_()
    hostile = row()
    hostile["provenance"] = with_every_text(hostile["provenance"], text)
    shown = Provenance.of(hostile)._repr_html_()
    assert "\u202e" not in shown
    tags = set(re.findall(r"<\s*/?\s*([^\s>]+)", shown))
    assert tags <= set(re.findall(r"<\s*/?\s*([^\s>]+)", plain))


@pytest.mark.parametrize("module", [timeline, provjson, provenance_module, croissant_module])
def test_examples_in_these_modules_run(module):
    done = doctest.testmod(module)
    assert done.attempted
    assert not done.failed


# W3C PROV ----------------------------------------------------------------------------------------------------


def test_prov_survives_the_reference_library():
    told = Provenance.of(row(), golden="refunds").to_prov()
    document = read_prov(told)
    assert read_prov(json.loads(document.serialize(format="json"))) == document
    kinds = [name for name in told if name != "prefix"]
    assert len(document.get_records()) == sum(len(told[name]) for name in kinds)


def test_prov_names_each_thing_that_a_relation_joins():
    told = Provenance.of(row()).to_prov()
    known = {name for kind in ("entity", "activity", "agent") for name in told[kind]}
    for relation in set(told) - {"prefix", "entity", "activity", "agent"}:
        for said in told[relation].values():
            ends = {value for key, value in said.items() if key.startswith("prov:") and key != "prov:time"}
            assert ends <= known, relation


def test_prov_leads_from_the_example_to_the_log_file():
    told = Provenance.of(row()).to_prov()
    came_from: dict[str, set[str]] = {}
    for said in told["wasDerivedFrom"].values():
        came_from.setdefault(said["prov:generatedEntity"], set()).add(said["prov:usedEntity"])
    (example,) = (e["prov:specificEntity"] for e in told["specializationOf"].values())
    (log,) = (name for name in told["entity"] if name.startswith("fs:log/"))
    assert log == f"fs:log/{SHA}"
    assert told["entity"][log]["fs:file"] == "june/log.jsonl.gz"
    assert "fs:trace/t001" in came_from[example]
    assert came_from["fs:trace/t001"] == {log}


def test_prov_says_who_did_what_and_nothing_of_who_acted_for_whom():
    told = Provenance.of(row(), golden="refunds").to_prov()
    did = {(a["prov:activity"], a["prov:agent"]) for a in told["wasAssociatedWith"].values()}
    promotion = "fs:promotion/refunds/main/v3/cleo"
    assert {(promotion, "fs:person/cleo"), (promotion, "fs:software/failscope/0.1.0")} <= did
    assert ("fs:review/2026-W23", "fs:person/ana") in did
    assert "actedOnBehalfOf" not in told
    types = {name: agent["prov:type"]["$"] for name, agent in told["agent"].items()}
    assert types["fs:software/failscope/0.1.0"] == "prov:SoftwareAgent"
    assert types["fs:person/ben"] == "prov:Person"  # who edited
    assert told["activity"][promotion]["prov:endTime"] == "2026-06-10T08:00:00+00:00"


def test_prov_keeps_the_chance_of_the_draw():
    told = Provenance.of(row()).to_prov()
    (pick,) = (u for u in told["used"].values() if "fs:probability" in u)
    assert (pick["prov:activity"], pick["prov:entity"]) == ("fs:review/2026-W23", "fs:trace/t001")
    assert pick["fs:probability"] == 1 / 12


def test_prov_of_a_set_has_its_versions_and_says_what_was_retired(golden):
    told = prov_of(golden)
    document = read_prov(told)
    assert read_prov(json.loads(document.serialize(format="json"))) == document
    version = f"fs:version/{golden.sha256}"
    before = f"fs:version/{golden.manifest['parent']['sha256']}"
    derived = {(d["prov:generatedEntity"], d["prov:usedEntity"]) for d in told["wasDerivedFrom"].values()}
    assert (version, before) in derived
    members = {m["prov:entity"] for m in told["hadMember"].values() if m["prov:collection"] == version}
    assert members == {f"fs:example/{i}/{sha}" for i, sha in golden.manifest["examples"].items()}
    (gone,) = told["wasInvalidatedBy"].values()
    assert gone["prov:entity"] == "fs:example/ex-0000000000000002"
    assert told["activity"][gone["prov:activity"]]["fs:reason"] == "no longer sold"


def test_a_file_under_two_names_keeps_both(tmp_path):
    rows = [row(1), row(2)]
    rows[1]["provenance"]["trace"]["log_file"] = "copy.jsonl.gz"
    version = write_lines(tmp_path / "refunds", {r["id"]: line_of(r) for r in rows}, about={}, parent=None)
    told = prov_of(GoldenSet.of(version))
    assert told["entity"][f"fs:log/{SHA}"]["fs:file"] == ["june/log.jsonl.gz", "copy.jsonl.gz"]


def test_prov_of_an_older_example_is_sound():
    document = read_prov(Provenance.of(old_row()).to_prov())
    assert document.get_record("fs:log/june%2Flog.jsonl.gz")


@settings(max_examples=60, deadline=None)
@given(ANY, ANY)
def test_any_text_is_a_name_of_its_own_in_prov(one, other):
    hostile = row()
    hostile["provenance"] = with_every_text(hostile["provenance"], one)
    document = read_prov(Provenance.of(hostile, golden=other).to_prov())
    assert read_prov(json.loads(document.serialize(format="json"))) == document
    assert (provjson.urn("person", one) == provjson.urn("person", other)) == (one == other)
    assert re.fullmatch(r"urn:failscope:person/[A-Za-z0-9._~%/-]*[A-Za-z0-9_~-]", provjson.urn("person", one))


# Croissant ---------------------------------------------------------------------------------------------------


def describe(golden, **more):
    body = (golden.folder / "examples.jsonl").read_bytes()
    files = {"examples.jsonl": {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}}
    return croissant({**golden.manifest, **more}, files=files)


def ids_of(value):
    if isinstance(value, dict):
        own = [value["@id"]] if len(value) > 1 and "@id" in value else []
        return own + [i for key, one in value.items() if key != "@context" for i in ids_of(one)]
    return [i for one in value for i in ids_of(one)] if isinstance(value, list) else []


def test_the_same_version_is_described_in_the_same_words(golden):
    told = describe(golden)
    assert json.dumps(told) == json.dumps(describe(golden))
    assert told["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert (told["name"], told["version"], told["creator"]["name"]) == ("refunds", "2.0.0", "cleo")
    assert told["datePublished"] == "2026-06-10T08:00:00+00:00"
    assert told["distribution"][0]["sha256"] == golden.manifest["files"]["examples.jsonl"]["sha256"]


def test_describing_a_version_does_not_change_what_is_described_next(golden):
    told = describe(golden)
    before = deepcopy(told)
    told["@context"]["sc"] = told["recordSet"] = None
    assert describe(golden) == before


def test_croissant_names_the_version_before_and_the_promotion(golden):
    told = describe(golden)
    parent = golden.manifest["parent"]["sha256"]
    assert told["prov:wasDerivedFrom"] == [{"@id": f"urn:failscope:version/{parent}"}]
    assert told["prov:wasGeneratedBy"]["prov:endedAtTime"] == golden.manifest["at"]
    # the names are those that PROV has
    said = prov_of(golden)
    assert told["prov:wasGeneratedBy"]["@id"].replace("urn:failscope:", "fs:") in said["activity"]
    assert told["prov:wasAttributedTo"]["@id"].replace("urn:failscope:", "fs:") in said["agent"]
    assert told["@id"].replace("urn:failscope:", "fs:") in said["entity"]


def test_every_key_of_an_example_is_described_and_no_other(golden):
    fields = {f["name"]: f for f in describe(golden)["recordSet"][0]["field"]}
    assert set(fields) == set(golden.rows[0]) == set(FIELDS)
    for part in fields["provenance"]["subField"]:
        value = golden.rows[0]["provenance"]
        for step in part["source"]["transform"]["jsonPath"].removeprefix("$.").split("."):
            value = value[step]
        assert value


def test_only_the_fields_that_are_there_are_described():
    manifest = {"name": "x", "version": 1, "sha256": SHA, "examples": {"ex-1": SHA}}
    files = {"examples.jsonl": {"bytes": 1, "sha256": SHA}}
    told = croissant(manifest, files=files, fields=["id", "input"])
    assert [f["name"] for f in told["recordSet"][0]["field"]] == ["id", "input"]
    assert "recordSet" not in croissant({**manifest, "examples": {}}, files=files)


def test_each_name_in_croissant_is_used_once_and_has_no_blank(golden):
    names = ids_of(describe(golden, curator="Cleo von B. <script>"))
    assert len(names) == len(set(names))
    assert not [name for name in names if re.search(r"\s", name)]


def test_a_licence_is_stated_only_where_the_manifest_has_one(golden):
    assert describe(golden)["license"]["name"] == "not stated"
    stated = "https://spdx.org/licenses/CC-BY-4.0"
    assert describe(golden, license=stated)["license"] == stated


def test_a_branch_is_part_of_the_version(golden):
    assert describe(golden, branch="audit")["version"] == "2.0.0+audit"
