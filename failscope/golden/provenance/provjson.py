"""A document of W3C PROV as JSON: hides names and their escapes, types, and what is said twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

NAMESPACE = "urn:failscope:"
PREFIX = "fs"

_ENDS = {
    "wasGeneratedBy": ("entity", "activity"),
    "wasInvalidatedBy": ("entity", "activity"),
    "used": ("activity", "entity"),
    "wasDerivedFrom": ("generatedEntity", "usedEntity"),
    "wasAttributedTo": ("entity", "agent"),
    "wasAssociatedWith": ("activity", "agent"),
    "wasInformedBy": ("informed", "informant"),
    "specializationOf": ("specificEntity", "generalEntity"),
    "hadMember": ("collection", "entity"),
}
"""Relation -> what its two ends are called."""


def local_name(kind: str, *parts: str) -> str:
    """A local name that every notation of PROV can hold: all but letters, digits and ``-_.~`` is escaped.

    >>> local_name("person", "Ana B."), local_name("log", "a/b.jsonl")
    ('person/Ana%20B%2E', 'log/a%2Fb.jsonl')
    """
    escaped = "/".join([kind, *(quote(str(part), safe="", errors="replace") for part in parts)])
    return f"{escaped[:-1]}%2E" if escaped.endswith(".") else escaped  # no name ends with a full stop


def urn(kind: str, *parts: str) -> str:
    """The full name of a thing, the same in PROV and in Croissant."""
    return NAMESPACE + local_name(kind, *parts)


def promotion_of(golden: str, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The parts of the name of a promotion; ``facts`` is a manifest, or what an example says of its promotion."""
    return (
        golden,
        str(facts.get("branch") or "main"),
        f"v{facts.get('version')}",
        str(facts.get("curator") or ""),
    )


def digest(said: Mapping[str, Any]) -> str:
    """A short name for something that was said: equal words at the same time have the same one."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


class Document:
    """A PROV-JSON document as it grows; each thing and each relation is in it once.

    The methods return the name of the thing, and ``to_dict`` the document in the shape of the W3C member submission
    "The PROV-JSON Serialization" of 24 April 2013.
    """

    def __init__(self) -> None:
        self._held: dict[str, dict[str, dict[str, Any]]] = {"entity": {}, "activity": {}, "agent": {}}
        self._said: set[str] = set()

    def to_dict(self) -> dict[str, Any]:
        return {"prefix": {PREFIX: NAMESPACE}, **{kind: held for kind, held in self._held.items() if held}}

    def entity(
        self,
        *name: str,
        label: Any = "",
        is_a: str = "",
        facts: Mapping[str, Any] | None = None,
    ) -> str:
        """A thing; the first part of its name is its kind."""
        return self._add("entity", name, {**_label(label), **_types(is_a, f"{PREFIX}:{name[0]}")}, facts)

    def activity(
        self, *name: str, label: Any = "", ended: Any = None, facts: Mapping[str, Any] | None = None
    ) -> str:
        """Something that was done."""
        known = {**_label(label), **_types(f"{PREFIX}:{name[0]}")}
        if at := _time(ended):
            known["prov:endTime"] = at
        return self._add("activity", name, known, facts)

    def person(self, name: str) -> str:
        """Somebody, by the name they have in the workspace."""
        return self._add("agent", ("person", name), {**_label(name), **_types("prov:Person")}, None)

    def software(self, version: str = "") -> str:
        """failscope itself; without a version where nobody noted down which one it was."""
        known = {**_label(f"failscope {version}".strip()), **_types("prov:SoftwareAgent")}
        name = ("software", "failscope", *([version] if version else []))
        return self._add("agent", name, known, {"version": version})

    def relate(
        self,
        relation: str,
        first: str,
        second: str,
        *,
        time: Any = None,
        plan: str = "",
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Say how two of them hang together."""
        one, two = _ENDS[relation]
        said: dict[str, Any] = {f"prov:{one}": first, f"prov:{two}": second, **_attributes(facts)}
        if at := _time(time):
            said["prov:time"] = at
        if plan:
            said["prov:plan"] = plan
        key = relation + json.dumps(said, sort_keys=True)
        if key not in self._said:
            self._said.add(key)
            held = self._held.setdefault(relation, {})
            held[f"_:{relation}{len(held) + 1}"] = said

    def by(self, relation: str, thing: str, name: Any, *, plan: str = "") -> None:
        """Say who is behind it; nothing where nobody is named."""
        if name:
            self.relate(relation, thing, self.person(str(name)), plan=plan)

    def _add(
        self, what: str, name: Sequence[str], known: Mapping[str, Any], facts: Mapping[str, Any] | None
    ) -> str:
        full = f"{PREFIX}:{local_name(*map(str, name))}"
        held = self._held[what].setdefault(full, {})
        for key, value in {**known, **_attributes(facts)}.items():
            if key.startswith("prov:"):
                held.setdefault(key, value)
            else:  # what was said in two ways, as a file under two names, has both values
                values = list(dict.fromkeys([*_listed(held.get(key, [])), *_listed(value)]))
                held[key] = values if len(values) > 1 else values[0]
        return full


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _label(label: Any) -> dict[str, Any]:
    return {"prov:label": str(label)} if label not in (None, "") else {}


def _types(*names: str) -> dict[str, Any]:
    typed = [{"$": name, "type": "prov:QUALIFIED_NAME"} for name in names if name]
    return {"prov:type": typed[0] if len(typed) == 1 else typed}


def _attributes(facts: Mapping[str, Any] | None) -> dict[str, Any]:
    """Facts as attributes in our namespace: a list of texts is several values, anything nested is JSON text."""
    out: dict[str, Any] = {}
    for key, value in (facts or {}).items():
        if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
            value = list(dict.fromkeys(value))
        elif not isinstance(value, str | bool | int | float | None):
            value = json.dumps(value, ensure_ascii=False, sort_keys=True)
        if value not in (None, "", []):
            out[f"{PREFIX}:{quote(str(key), safe='', errors='replace')}"] = value
    return out


def _time(text: Any) -> str | None:
    """The text where it is a time, as XML Schema writes it."""
    try:
        return datetime.fromisoformat(text).isoformat() if "T" in text else None
    except (ValueError, TypeError):
        return None
