"""What a page had seen of a case: hides how it is told whether somebody else has spoken of the case since."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from failscope.golden.cases import Case


def seen(case: Case) -> str:
    """A short text that stands for all that was said of a case; another word makes it another text."""
    return f"{len(case.history)}.{_digest(case.history)}.{_digest(_around(case))}"


def told_since(case: Case, before: str, *, me: str) -> str:
    """What somebody else than ``me`` said of a case since it was seen as ``before``; "" for nothing."""
    if before == seen(case):
        return ""
    number, history, around = [*before.split("."), "", "", ""][:3]
    n = int(number) if number.isdecimal() else 0
    fresh = [e for e in case.history[n:] if e["by"] != me]
    if fresh:
        last = fresh[-1]
        reason = f" ({last['reason'][:200]})" if last["reason"] else ""
        return f"{last['by']} said meanwhile: {last['what']}{reason}"
    if _digest(case.history[:n]) != history:
        return "somebody has taken back a word on the case meanwhile"
    if _digest(_around(case)) != around:
        return "somebody has judged or proposed the case again meanwhile"
    return ""


def _around(case: Case) -> list[Any]:
    path = case.example["provenance"]
    return [path["said"], path["proposed"], path["agreement"]["settled"]]


def _digest(what: Any) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:12]
