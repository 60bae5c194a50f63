"""The path of an example in the words of W3C PROV: hides which step is an entity, an activity or an agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from failscope.golden.provenance.provjson import Document, digest, promotion_of

if TYPE_CHECKING:
    from failscope.golden.dataset import GoldenSet
    from failscope.golden.provenance.provenance import Provenance


def prov_of_example(provenance: Provenance) -> dict[str, Any]:
    """One example's path as PROV-JSON."""
    document = Document()
    _example(document, provenance)
    return document.to_dict()


def prov_of(golden: GoldenSet) -> dict[str, Any]:
    """The paths of all examples of a version, and of the version itself, as PROV-JSON.

    Entities are log files, traces, clusterings and their clusters, plans, what people said, examples and versions;
    activities the reading of a log, clustering, reviews, edits, promotions and retirements; agents the people and
    failscope. Names are in the namespace ``urn:failscope:``, and what has a sha256 is named by it.

    Parameters
    ----------
    golden : GoldenSet

    Returns
    -------
    dict
        Plain values in the shape of the W3C member submission "The PROV-JSON Serialization" of 24 April 2013.
    """
    from failscope.golden.provenance.provenance import Provenance

    document = Document()
    manifest = golden.manifest
    made = _promotion(document, golden.name, manifest)
    facts = {"name": golden.name, "branch": manifest.get("branch", "main"), "number": golden.version}
    version = document.entity(
        "version",
        golden.sha256,
        is_a="prov:Collection",
        label=f"{golden.name} v{golden.version}",
        facts={**facts, "sha256": golden.sha256},
    )
    document.relate("wasGeneratedBy", version, made, time=manifest.get("at"))
    document.by("wasAttributedTo", version, manifest.get("curator"))
    for named in (manifest.get("parent"), manifest.get("merged")):
        if named:
            before = document.entity(
                "version", named["sha256"], is_a="prov:Collection", facts={"number": named["version"]}
            )
            document.relate("used", made, before)
            document.relate("wasDerivedFrom", version, before)
    for row in golden.rows:
        document.relate("hadMember", version, _example(document, Provenance.of(row, golden=golden.name)))
    for example, said in (manifest.get("retired") or {}).items():
        _retirement(document, example, said)
    return document.to_dict()


def _example(document: Document, path: Provenance) -> str:
    """Everything that one example's provenance says; the name of the example as it was promoted."""
    trace = _trace(document, path.trace)
    made = _promotion(document, path.golden or path.example_id, path.promoted)
    example = document.entity("example", path.example_id, label=path.example_id)
    if path.sha256:
        lasting, facts = example, {"sha256": path.sha256}
        example = document.entity("example", path.example_id, path.sha256, label=path.example_id, facts=facts)
        document.relate("specializationOf", example, lasting)
    document.relate("used", made, trace)
    document.relate("wasGeneratedBy", example, made, time=path.promoted.get("at"))
    document.relate("wasDerivedFrom", example, trace)
    document.by("wasAttributedTo", example, path.promoted.get("curator"))
    plans = {str(found.get("review")): _review(document, found, trace) for found in path.found}
    for said in path.said:
        note = _statement(document, path, "annotation", said, who="reviewer", label=said.get("what"))
        document.relate("wasDerivedFrom", note, trace)
        document.relate("wasDerivedFrom", example, note)
        if name := said.get("review"):
            review = document.activity("review", name, label=name)
            document.relate("wasGeneratedBy", note, review, time=said.get("at"))
            document.by("wasAssociatedWith", review, said.get("reviewer"), plan=plans.get(name, ""))
            if name not in plans:
                document.relate("used", review, trace)
    for proposed in path.proposed:
        proposal = _statement(
            document, path, "proposal", proposed, who="reviewer", label=proposed.get("reason")
        )
        document.relate("wasDerivedFrom", proposal, trace)
        document.relate("used", made, proposal)
    for edited in path.edited:
        changed = {key: value for key, value in edited.items() if key not in ("by", "at")}
        edit = document.activity(
            "edit", path.example_id, digest(edited), label="edit", ended=edited.get("at"), facts=changed
        )
        document.by("wasAssociatedWith", edit, edited.get("by"))
        document.relate("used", edit, trace)
        document.relate("wasInformedBy", made, edit)
    for waived in path.waived:
        waiver = _statement(document, path, "waiver", waived, who="by", label=waived.get("check"))
        document.relate("used", made, waiver)
    for kind, says in (("agreement", path.agreement), ("gate", _gate(path.gate))):
        if says:
            told = document.entity(kind, path.example_id, digest(says), label=kind, facts=says)
            document.relate("used", made, told)
    return example


def _trace(document: Document, facts: Mapping[str, Any]) -> str:
    """The trace, the log file that it stood in, and the reading of that file."""
    name, file, sha256 = facts.get("trace_id", ""), facts.get("log_file"), facts.get("log_sha256")
    kept = {key: value for key, value in facts.items() if key not in ("log_file", "log_sha256")}
    trace = document.entity("trace", name, label=name, facts=kept)
    if file:
        log = document.entity("log", sha256 or file, label=file, facts={"file": file, "sha256": sha256})
        reading = document.activity("reading", sha256 or file, label=f"reading {file}")
        document.relate("used", reading, log)
        document.relate("wasAssociatedWith", reading, document.software())
        document.relate("wasGeneratedBy", trace, reading)
        document.relate("wasDerivedFrom", trace, log)
    return trace


def _review(document: Document, found: Mapping[str, Any], trace: str) -> str:
    """A review as it led to a trace, with its plan and the group that the trace is in; the name of the plan."""
    name = str(found.get("review", ""))
    plan = document.entity(
        "plan",
        name,
        is_a="prov:Plan",
        label=f"plan of {name}",
        facts={key: found.get(key) for key in ("strategy", "budget")},
    )
    review = document.activity("review", name, label=name)
    document.relate("used", review, plan)
    picked = {key: found.get(key) for key in ("position", "reason", "probability")}
    document.relate("used", review, trace, facts=picked)
    group = found.get("clustering")
    if not group:
        return plan
    kept = {key: found.get(key) for key in ("view", "embedder", "random_state", "params")}
    clustering = document.entity("clustering", group, label=group, facts=kept)
    grouping = document.activity("grouping", group, label=f"clustering {group}")
    document.relate("used", grouping, trace)
    document.relate("wasAssociatedWith", grouping, document.software())
    document.relate("wasGeneratedBy", clustering, grouping)
    document.relate("wasDerivedFrom", plan, clustering)
    cluster = document.entity(
        "cluster",
        group,
        str(found.get("cluster")),
        is_a="prov:Collection",
        label=found.get("cluster_name"),
        facts={"number": found.get("cluster"), "tags": found.get("cluster_tags")},
    )
    document.relate("wasDerivedFrom", cluster, clustering)
    document.relate("hadMember", cluster, trace)
    return plan


def _gate(gate: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    if not gate:
        return {}
    return {
        "passed": [check for check, said in gate.items() if said.get("passed")],
        "waived": [check for check, said in gate.items() if said.get("waived")],
        "says": {check: said.get("says", "") for check, said in gate.items()},
    }


def _statement(
    document: Document, path: Provenance, kind: str, said: Mapping[str, Any], *, who: str, label: Any
) -> str:
    """What one person said of an example, with their name."""
    facts = {key: value for key, value in said.items() if key != who}
    name = document.entity(kind, path.example_id, digest(said), label=label, facts=facts)
    document.by("wasAttributedTo", name, said.get(who))
    return name


def _promotion(document: Document, golden: str, facts: Mapping[str, Any]) -> str:
    made = document.activity(
        "promotion",
        *promotion_of(golden, facts),
        label="promotion",
        ended=facts.get("at"),
        facts={"reason": facts.get("reason")},
    )
    document.by("wasAssociatedWith", made, facts.get("curator"))
    if version := facts.get("failscope"):
        document.relate("wasAssociatedWith", made, document.software(str(version)))
    return made


def _retirement(document: Document, example: str, said: Mapping[str, Any]) -> None:
    gone = document.activity(
        "retirement",
        example,
        digest(said),
        label="retirement",
        ended=said.get("at"),
        facts={"reason": said.get("reason"), "version": said.get("version")},
    )
    lasting = document.entity("example", example, label=example)
    document.relate("wasInvalidatedBy", lasting, gone, time=said.get("at"))
    document.by("wasAssociatedWith", gone, said.get("by"))
