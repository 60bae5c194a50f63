"""Names that a language model writes: hides the prompt, and that no answer is trusted."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from failscope.errors import ModelError
from failscope.surface.cards import plain
from failscope.surface.namer import Namer

if TYPE_CHECKING:
    from failscope.surface.profile import Profiles

EXAMPLES = 5
"""Traces of a cluster that the prompt shows."""

INPUT_CHARS, OUTPUT_CHARS = 300, 600
"""Characters of each input and output that the prompt shows."""

NAME_CHARS, EXPLANATION_CHARS = 80, 400
"""A longer name is no name; a longer explanation is cut."""

GIVE_UP = 3
"""So many failures before the first answer mean that the endpoint is not there."""

_ANSWER_CHARS = 20_000
_ADDRESS = re.compile(r"\w://|\bwww\.|\]\(", re.IGNORECASE)


def ask_names(
    profiles: Profiles, clusters: Sequence[int], *, namer: Namer, progress: bool = True
) -> dict[str, dict[str, str]]:
    """Ask for a name of each cluster.

    Returns
    -------
    dict
        The cluster as text -> ``name, explanation, by, prompt``, or ``problem, by, prompt`` where there was no
        answer that can be used; ``prompt`` is the SHA-256 of the prompt's file.

    Raises
    ------
    ModelError
        When the first ``GIVE_UP`` requests fail.
    """
    from tqdm.auto import tqdm

    found: dict[str, dict[str, str]] = {}
    by = {"by": plain(namer.name, 100), "prompt": prompt_sha256()}
    answered, failed = 0, 0
    for c in tqdm(clusters, desc="naming", unit=" clusters", delay=2, disable=not progress, leave=False):
        try:
            answer = namer.ask(prompt_for(profiles, c))
        except ModelError as error:
            failed += 1
            if not answered and failed >= min(GIVE_UP, len(clusters)):
                raise ModelError(f"no cluster was named. {error}") from error
            found[str(c)] = {"problem": plain(str(error), 300), **by}
            continue
        answered += 1
        try:
            name, explanation = read_answer(answer)
        except ValueError as error:
            found[str(c)] = {"problem": str(error), **by}
        else:
            found[str(c)] = {"name": name, "explanation": explanation, **by}
    return found


def prompt_for(profiles: Profiles, cluster: int) -> str:
    """The prompt about one cluster: what was measured, and examples as JSON that cannot end its own block."""
    frame = profiles.traces.frame
    rows = profiles.typical[cluster][:EXAMPLES]
    examples = frame[["input", "output"]].iloc[rows]
    near = profiles.nearest.get(cluster)
    data = {
        "size": int(profiles.sizes.loc[cluster]),
        "share": f"{profiles.sizes.loc[cluster] / len(frame):.1%}",
        "behaviours": [d.says for d in profiles.differences[cluster][:8]],
        "most_like": None
        if near is None
        else {
            "name": profiles.own_names[near],
            "differences": [d.says for d in profiles.against(cluster, near)[:4]],
        },
        "phrases_in_outputs": profiles.phrases["output"][cluster],
        "phrases_in_inputs": profiles.phrases["input"][cluster],
        "examples": [
            {"input": plain(i, INPUT_CHARS), "output": plain(o, OUTPUT_CHARS)}
            for i, o in examples.itertuples(index=False, name=None)
        ],
    }
    # "<" and ">" only as escapes: no text can write </data>
    text = json.dumps(data, ensure_ascii=False, indent=1).replace("<", "\\u003c").replace(">", "\\u003e")
    return _template().replace("{{data}}", text)


def prompt_sha256() -> str:
    """The SHA-256 of the prompt's file, which every name is kept with."""
    return hashlib.sha256(_template().encode()).hexdigest()


def read_answer(answer: str) -> tuple[str, str]:
    """The name and the explanation in a model's answer, as plain text in one line each.

    Raises
    ------
    ValueError
        When the answer has no JSON object with both, or either is not what it should be; the message says why.

    Examples
    --------
    >>> read_answer('Sure: {"name": "Asks back", "explanation": "The answer is a question."}')
    ('Asks back', 'The answer is a question.')
    """
    said = _last_object(answer[:_ANSWER_CHARS])
    if said is None:
        raise ValueError("the answer has no JSON object with a name and an explanation")
    texts = []
    for key in ("name", "explanation"):
        if not isinstance(said[key], str):
            raise ValueError(f"the {key} is no text")
        line = " ".join(plain(" ".join(said[key].split()), EXPLANATION_CHARS).split())
        if not re.search(r"\w", line):
            raise ValueError(f"the {key} is empty")
        if _ADDRESS.search(line):
            raise ValueError(f"the {key} has an address in it")
        texts.append(line)
    name = texts[0].strip("\"'“”‘’ .")
    if len(name) > NAME_CHARS:
        raise ValueError(f"the name has more than {NAME_CHARS} characters")
    if not name:
        raise ValueError("the name is empty")
    return name, texts[1]


def _last_object(answer: str) -> dict[str, Any] | None:
    """The last JSON object with both keys: a model may think aloud before it answers."""
    decoder, found, at = json.JSONDecoder(), None, answer.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(answer, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if isinstance(value, dict) and {"name", "explanation"} <= value.keys():
                found = value
        at = answer.find("{", end)
    return found


@cache
def _template() -> str:
    return (files("failscope.surface") / "prompts" / "name_cluster.md").read_text(encoding="utf-8")
