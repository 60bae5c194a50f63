"""A version of a golden set as Croissant 1.1 describes data sets: hides that vocabulary and its JSON-LD context."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from typing import Any

from failscope.golden.provenance.provjson import promotion_of, urn

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
RECORDS, FILE = "examples", "examples.jsonl"

_TEXTS = {
    "id": "The id of the example; it stays the same from version to version.",
    "input": "What the model was asked.",
    "expected_output": "What a reviewer says that it should have answered; null where nobody wrote it.",
    "output": "What it did answer in production: the failure itself.",
    "context": "What it was given to answer from.",
    "system_prompt": "Its instructions.",
    "note": "What the reviewers noted.",
}
_TRACE = {
    "trace_id": ("sc:Text", "trace.trace_id", "The production trace that the example comes from."),
    "timestamp": ("sc:DateTime", "trace.timestamp", "When production gave that answer."),
    "week": ("sc:Text", "trace.week", "The ISO week of that time."),
    "log_file": ("sc:Text", "trace.log_file", "The log file that it was read from."),
    "log_line": ("sc:Integer", "trace.log_line", "The line of that file."),
    "log_sha256": ("sc:Text", "trace.log_sha256", "The sha256 of that file."),
    "model": ("sc:Text", "trace.model", "The model that answered."),
    "prompt_version": ("sc:Text", "trace.prompt_version", "The version of its prompt."),
    "curator": ("sc:Text", "promoted.curator", "Who promoted the example."),
    "promoted_at": ("sc:DateTime", "promoted.at", "When that was."),
}
_EQUIVALENT = {"curator": "prov:wasAttributedTo", "log_file": "prov:wasDerivedFrom"}
FIELDS = (*_TEXTS, "failure_modes", "criteria", "provenance")
"""The keys of an example that are described."""


def croissant(
    manifest: Mapping[str, Any],
    *,
    files: Mapping[str, Mapping[str, Any]],
    fields: Collection[str] = FIELDS,
) -> dict[str, Any]:
    """Describe one version so that tools which read Croissant can load its examples.

    The description follows from the arguments alone: the same version gives the same description on every machine.

    Parameters
    ----------
    manifest : mapping
        What the version says of itself.
    files : mapping of str to mapping
        Name of the file of examples -> ``{"sha256": ..., "bytes": ...}``.
    fields : collection of str
        Which of ``FIELDS`` the examples have. A reader stops at a field that no line holds, so a set from before
        there were criteria, or one without any example left, is described without them.

    Returns
    -------
    dict
        JSON-LD as plain values, of the Croissant format specification 1.1 with the terms of PROV-O.

    Examples
    --------
    >>> manifest = {"name": "refunds", "version": 3, "sha256": "ab12", "examples": {"ex-1": "cd34"}, "curator": "cleo"}
    >>> told = croissant(manifest, files={"examples.jsonl": {"sha256": "ef56", "bytes": 120}})
    >>> told["version"], told["creator"]["name"], told["distribution"][0]["contentSize"]
    ('3.0.0', 'cleo', '120 B')
    """
    name, number = str(manifest["name"]), int(manifest["version"])
    branch = str(manifest.get("branch", "main"))
    where = "" if branch == "main" else f" on branch {branch}"
    said: dict[str, Any] = {
        "@context": deepcopy(_CONTEXT),
        "@type": "sc:Dataset",
        "@id": urn("version", str(manifest["sha256"])),
        "conformsTo": CONFORMS_TO,
        "name": name,
        "description": (
            f"Golden set {name}, version {number}{where}: {len(manifest['examples']):,} failures of a language model "
            "in production, kept as test cases. Each has the answer that was given, what should have been said, and "
            "the path by which it was found."
        ),
        "keywords": ["golden set", "evaluation", "language model", "failure analysis"],
        "url": urn("version", str(manifest["sha256"])),
        "version": f"{number}.0.0" if branch == "main" else f"{number}.0.0+{branch}",
        "license": manifest.get("license")
        or {
            "@type": "sc:CreativeWork",
            "name": "not stated",
            "description": "The curator stated no licence.",
        },
        "citeAs": f"Golden set {name}, version {number}{where}, sha256 {manifest['sha256']}",
        "distribution": [_file(file, facts) for file, facts in sorted(files.items())],
        **_origin(manifest),
    }
    described = [_text(key) for key in _TEXTS if key in fields]
    described += [_modes()] if "failure_modes" in fields else []
    described += [_criteria()] if "criteria" in fields else []
    described += [_provenance()] if "provenance" in fields else []
    if described and manifest["examples"]:
        said["recordSet"] = [
            {
                "@type": "cr:RecordSet",
                "@id": RECORDS,
                "name": RECORDS,
                "description": "One record an example.",
                **({"key": {"@id": f"{RECORDS}/id"}} if "id" in fields else {}),
                "field": described,
            }
        ]
    return said


def _origin(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Who made the version, when and from what; what the manifest leaves open is left out."""
    curator, at = (str(manifest.get(key) or "") for key in ("curator", "at"))
    agents: list[dict[str, Any]] = []
    out: dict[str, Any] = {}
    if curator:
        person = {"@type": "prov:Person", "@id": urn("person", curator), "prov:label": curator}
        out["creator"] = {"@type": "sc:Person", "name": curator}
        out["prov:wasAttributedTo"] = person
        agents.append({"@id": person["@id"]})
    if version := str(manifest.get("failscope") or ""):
        label = f"failscope {version}"
        agents.append({"@type": "prov:SoftwareAgent", "@id": urn("software", label), "prov:label": label})
    if at:
        out["datePublished"] = at
    out["prov:wasGeneratedBy"] = {
        "@type": "prov:Activity",
        "@id": urn("promotion", *promotion_of(str(manifest["name"]), manifest)),
        "prov:label": "promotion",
        **({"prov:endedAtTime": at} if at else {}),
        **({"description": reason} if (reason := str(manifest.get("reason") or "")) else {}),
        **({"prov:wasAssociatedWith": agents} if agents else {}),
    }
    before = [manifest[key] for key in ("parent", "merged") if manifest.get(key)]
    if before:
        out["prov:wasDerivedFrom"] = [{"@id": urn("version", str(one["sha256"]))} for one in before]
    return out


def _file(name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "description": "One example a line, as JSON with sorted keys.",
        "contentUrl": name,
        "contentSize": f"{facts['bytes']} B",
        "encodingFormat": "application/jsonlines",
        "sha256": facts["sha256"],
    }


def _field(path: str, data_type: str | list[str], says: str, **more: Any) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{RECORDS}/{path}",
        "name": path.rpartition("/")[2],
        "description": says,
        **({"dataType": data_type} if data_type else {}),
        **more,
    }


def _source(column: str, path: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {"fileObject": {"@id": FILE}, "extract": {"column": column}}
    return {**out, "transform": {"jsonPath": path}} if path else out


def _text(key: str) -> dict[str, Any]:
    return _field(key, "sc:Text", _TEXTS[key], source=_source(key))


def _modes() -> dict[str, Any]:
    return _field(
        "failure_modes",
        ["sc:Text", "cr:Label"],
        "The names of the failure modes that the reviewers gave.",
        isArray=True,
        arrayShape="-1",
        source=_source("failure_modes"),
    )


def _criteria() -> dict[str, Any]:
    # a criterion's value is a text or a JSON schema, and Croissant has no type for either-or
    says = "What an answer must fulfil. The value of a criterion, a text or a JSON schema, is in the file."
    parts = {"type": "sc:Text", "dimension": "sc:Text", "threshold": "sc:Float"}
    under = [
        _field(
            f"criteria/{key}", kind, f"The {key} of each criterion.", source=_source("criteria", f"$.{key}")
        )
        for key, kind in parts.items()
    ]
    return _field("criteria", "", says, isArray=True, arrayShape="-1", subField=under)


def _provenance() -> dict[str, Any]:
    under = [
        _field(
            f"provenance/{key}",
            kind,
            says,
            source=_source("provenance", f"$.{path}"),
            **({"equivalentProperty": _EQUIVALENT[key]} if key in _EQUIVALENT else {}),
        )
        for key, (kind, path, says) in _TRACE.items()
    ]
    return _field("provenance", "", "Where the example comes from; the file holds all of it.", subField=under)


_TERMS = (
    "arrayShape citeAs column containedIn equivalentProperty extract field fileObject fileProperty fileSet format "
    "includes isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace "
    "samplingRate separator source subField transform"
)
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{term: f"cr:{term}" for term in _TERMS.split()},
}
