"""What other tools call our columns: hides names, units and nesting, so that any log arrives under one set of names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from failscope.errors import ColumnError
from failscope.traces.messages import choices_text, joined_text, read_chat, reply_text
from failscope.traces.table import COLUMNS, SOURCE_COLUMNS
from failscope.traces.values import mend, missing, text_of

ALIASES: dict[str, tuple[str, ...]] = {
    "trace_id": (
        "trace_id", "id", "request_id", "run_id", "span_id", "uuid", "event_id", "message_id", "completion_id",
        "response_id", "custom_id", "record_id", "example_id", "call_id", "log_id",
    ),
    "timestamp": (
        "timestamp", "created_at", "time", "ts", "created", "start_time", "started_at", "datetime", "date",
        "created_time", "event_time", "logged_at", "timestamp_utc", "timestamp_ms", "start_time_unix_nano",
    ),
    "messages": ("messages", "conversation", "conversations", "chat", "turns", "dialogue", "dialog"),
    "input": (
        "input", "prompt", "question", "query", "user_input", "request", "user_message", "user_prompt", "user_query",
        "instruction", "inputs", "input_text", "prompt_text", "gen_ai.prompt", "human",
    ),
    "output": (
        "output", "response", "completion", "answer", "generation", "reply", "assistant", "model_output",
        "model_response", "llm_output", "assistant_message", "assistant_response", "outputs", "output_text",
        "response_text", "generated_text", "prediction", "gen_ai.completion", "bot_response", "choices",
    ),
    "context": (
        "context", "retrieved_context", "retrieved_contexts", "contexts", "documents", "retrieved_documents",
        "passages", "retrieved_passages", "chunks", "retrieved_chunks", "docs",
    ),
    "system_prompt": ("system_prompt", "system", "system_message", "system_instruction", "system_instructions"),
    "model": (
        "model", "model_name", "model_id", "llm", "engine", "deployment", "gen_ai.response.model",
        "gen_ai.request.model",
    ),
    "prompt_version": (
        "prompt_version", "prompt_id", "prompt_template_version", "template_version", "prompt_name", "template_id",
    ),
    "session_id": ("session_id", "session", "conversation_id", "thread_id", "chat_id", "dialogue_id", "dialog_id"),
    "user_id": ("user_id", "user", "customer_id", "account_id", "end_user", "end_user_id"),
    "error": ("error", "error_message", "error_msg", "error_text", "exception", "err"),
    "latency_ms": (
        "latency_ms", "latency", "duration_ms", "response_time_ms", "response_time", "duration", "elapsed_ms", "elapsed",
        "total_latency", "latency_s", "latency_sec", "latency_seconds", "duration_s", "duration_sec",
        "duration_seconds", "response_time_s", "response_time_seconds", "elapsed_s", "elapsed_seconds",
    ),
    "input_tokens": (
        "input_tokens", "prompt_tokens", "tokens_in", "num_input_tokens", "num_prompt_tokens", "input_token_count",
        "prompt_token_count", "usage.prompt_tokens", "usage.input_tokens", "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
    ),
    "output_tokens": (
        "output_tokens", "completion_tokens", "tokens_out", "num_output_tokens", "num_completion_tokens",
        "output_token_count", "completion_token_count", "usage.completion_tokens", "usage.output_tokens",
        "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens",
    ),
    "cost_usd": ("cost_usd", "cost", "total_cost", "total_cost_usd", "price_usd", "usd"),
}  # fmt: skip
"""Ours -> the names it is known by, in order of precedence."""

RESERVED = ("trace_id", *COLUMNS, "messages", *SOURCE_COLUMNS)
"""The names with a meaning of their own; a log's other column of such a name is kept as ``log_<name>``."""


def fold(name: str) -> str:
    """A column's name without case, blanks, ``-``, ``_``, ``.`` and ``@``: what aliases are compared by."""
    return re.sub(r"[\s_.@-]+", "", name).casefold()


def match_columns(names: Sequence[str], *, columns: Mapping[str, str] | None = None) -> dict[str, str]:
    """Which of a log's columns is which of ours.

    ``columns`` wins, then our own name, then the aliases in their order; of two spellings of one alias the
    exact one, then the first in the alphabet. A column is used once.

    Returns
    -------
    dict
        Ours -> theirs.

    Examples
    --------
    >>> match_columns(["Request-ID", "question", "answer", "prompt"])
    {'trace_id': 'Request-ID', 'input': 'prompt', 'output': 'answer'}
    """
    found = {ours: theirs for ours, theirs in (columns or {}).items() if theirs in names}
    used = set(found.values())
    spelled: dict[str, list[str]] = {}
    for name in sorted(names):
        if name not in used:
            spelled.setdefault(fold(name), []).append(name)
    for ours, aliases in ALIASES.items():
        if ours in found:
            continue
        for alias in aliases:
            if candidates := spelled.get(fold(alias)):
                found[ours] = alias if alias in candidates else candidates[0]
                break
    # a log of {"user": ..., "assistant": ...} is a question and its answer, not a user's id
    pair = fold(found.get("user_id", "")) == "user" and fold(found.get("output", "")) == "assistant"
    if pair and not {"input", "messages"} & found.keys() and "user_id" not in (columns or {}):
        found["input"] = found.pop("user_id")
    return {ours: found[ours] for ours in ALIASES if ours in found}


def check_mapping(columns: Mapping[str, str] | None, names: Sequence[str]) -> None:
    """Raise where ``columns=`` names one of ours that does not exist, or one of theirs that is not in the log."""
    listed = ", ".join(map(repr, names))
    for ours, theirs in (columns or {}).items():
        if ours not in ALIASES:
            raise ColumnError(
                f"columns={{{ours!r}: ...}}: {ours!r} is not one of our columns; they are {', '.join(ALIASES)}"
            )
        if theirs not in names:
            raise ColumnError(
                f"column {theirs!r} not found; the columns are {listed}; pass columns={{{ours!r}: ...}} with one of them"
            )
    twice = [name for name, n in Counter((columns or {}).values()).items() if n > 1]
    if twice:
        raise ColumnError(f"columns= uses {twice[0]!r} for more than one of ours; give each its own column")


def arrange(
    df: pd.DataFrame, *, columns: Mapping[str, str] | None = None, keep: Sequence[str] = ()
) -> pd.DataFrame:
    """A log's frame under our names: aliases renamed, seconds made milliseconds, chats and replies unfolded.

    Values are otherwise as they were. ``keep`` names columns (declared signals) that stay under their own name too.
    """
    df = _named(df)
    names = list(df.columns)
    match = match_columns(names, columns=columns)
    out = {ours: df[theirs] for ours, theirs in match.items()}
    whole: set[str] = set()  # theirs that were unfolded and say more than what was taken from them
    _unfold_chats(out, match, whole)
    _unfold(
        out,
        match,
        whole,
        "output",
        choices_text if fold(match.get("output", "")) == "choices" else reply_text,
    )
    for ours in ("context", "system_prompt"):
        _unfold(out, match, whole, ours, joined_text)
    if "latency_ms" in match and _in_seconds(match["latency_ms"]):
        out["latency_ms"] = out["latency_ms"].map(_thousandfold).astype(object)
    elif "latency_ms" in out and pd.api.types.is_timedelta64_dtype(out["latency_ms"].dtype):
        out["latency_ms"] = out["latency_ms"].dt.total_seconds() * 1000.0
    taken = set(match.values())
    for name in names:
        if name not in taken or name in whole or (name in keep and name not in out):
            out[_free(name, out, names)] = df[name]
    return pd.DataFrame(out, index=df.index)


def _unfold_chats(out: dict[str, pd.Series], match: Mapping[str, str], whole: set[str]) -> None:
    """Fill ``input``, ``output`` and ``system_prompt`` from the turns in ``messages`` or in ``input`` itself."""
    source = "messages" if "messages" in out else "input"
    if source not in out:
        return
    held = out[source]
    chats = [read_chat(v) if _may_be_chat(v) else None for v in held.tolist()]
    if source == "input" and not any(chats):
        if _nested(held):
            out["input"] = held.map(text_of).astype(object)
        return

    def series(values: list[str]) -> pd.Series:
        return pd.Series(values, index=held.index, dtype=object)

    def filled(ours: str, values: list[str]) -> pd.Series:
        given = [text_of(v) for v in out[ours].tolist()] if ours in out else [""] * len(values)
        return series([g or v for g, v in zip(given, values, strict=True)])

    asked = [chat.input if chat else text_of(v) for chat, v in zip(chats, held.tolist(), strict=True)]
    if source == "messages":
        out["input"] = filled("input", asked)
    else:
        out["input"] = series(asked)
    if any(
        chat and (isinstance(v, Mapping) or str(v).lstrip()[:1] == "{")
        for chat, v in zip(chats, held, strict=True)
    ):
        whole.add(match[source])
    out["messages"] = series(
        [
            chat.json if chat else text_of(v) if source == "messages" else ""
            for chat, v in zip(chats, held, strict=True)
        ]
    )
    if any(chat and chat.system for chat in chats):
        out["system_prompt"] = filled("system_prompt", [chat.system if chat else "" for chat in chats])
    if "output" not in out:
        # where the log has a column for the output, an empty one is a finding and is not filled from the chat
        out["output"] = series([(chat.reply or "") if chat else "" for chat in chats])


def _unfold(
    out: dict[str, pd.Series],
    match: Mapping[str, str],
    whole: set[str],
    ours: str,
    read: Callable[[Any], str],
) -> None:
    """Turn the objects of one column into texts, and say so where an object held more than its text."""
    if ours not in match or not (_nested(out[ours]) or read is choices_text):
        return
    before = out[ours].tolist()
    texts = [v if isinstance(v, str) and read is not choices_text else read(v) for v in before]
    if any(
        "{" in text_of(v) and text_of(v) != text for v, text in zip(before, texts, strict=True) if text != v
    ):
        whole.add(match[ours])
    out[ours] = pd.Series(texts, index=out[ours].index, dtype=object)


def _may_be_chat(value: object) -> bool:
    return value.lstrip()[:1] in ("[", "{") if isinstance(value, str) else not _plain_value(value)


def _plain_value(value: object) -> bool:
    """True where a value is missing or a plain number: nothing to look into."""
    return missing(value) or isinstance(value, int | float)


def _nested(series: pd.Series) -> bool:
    return series.dtype == object and any(
        not isinstance(v, str) and not _plain_value(v) for v in series.tolist()
    )


def _in_seconds(name: str) -> bool:
    words = re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    return words[-1] in ("s", "sec", "secs", "second", "seconds")


def _thousandfold(value: object) -> object:
    try:
        return None if missing(value) else float(value) * 1000.0  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return value


def _free(name: str, out: Mapping[str, object], names: Sequence[str]) -> str:
    if name not in out and name not in RESERVED:
        return name
    if name in SOURCE_COLUMNS and {"source_file", "source_line"} <= set(names):
        return name
    name = f"log_{name}"
    while name in out or name in names:
        name += "_"
    return name


def _named(df: pd.DataFrame) -> pd.DataFrame:
    """The frame with its named index as columns and every column's name a text of its own."""
    extra = [n for n in df.index.names if n is not None and n not in df.columns]
    if extra:
        df = pd.concat([df.index.to_frame(index=False)[extra], df.reset_index(drop=True)], axis=1)
    names = [mend(text_of(n), Counter()) for n in df.columns]
    twice = [n for n, count in Counter(names).items() if count > 1]
    if twice:
        raise ColumnError(
            f"column {twice[0]!r} is there {names.count(twice[0])} times; give each column a name of its own"
        )
    return df.set_axis(names, axis=1).reset_index(drop=True)
