"""Who is asked for names: hides the endpoint, its failures and the cache."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from failscope.errors import ArgumentError, ModelError
from failscope.surface.cards import plain

if TYPE_CHECKING:
    import httpx

ATTEMPTS = 3
"""Requests for one answer."""

_LONGEST_WAIT = 30.0


class Namer(Protocol):
    """Anything that answers a prompt, as ``OpenAINamer`` does; ``FakeNamer`` is one for tests.

    Attributes
    ----------
    name : str
        What answers; it is kept beside the names that it wrote.
    """

    @property
    def name(self) -> str: ...

    def ask(self, prompt: str) -> str:
        """The answer to a prompt; ``ModelError`` where there is none."""
        ...


class OpenAINamer:
    """Asks a chat model behind any endpoint that speaks OpenAI's HTTP API: vLLM, Ollama, llama.cpp, a provider.

    Making one sends nothing. ``found.named(namer)`` sends a few inputs and outputs of each cluster to ``base_url``:
    see to it that this is allowed, or use a model on your own machine.

    Parameters
    ----------
    model : str
        The model's name at the endpoint.
    base_url : str, optional
        As "http://127.0.0.1:11434/v1". The environment's ``OPENAI_BASE_URL`` where not given, then OpenAI's own.
    api_key : str, optional
        The environment's ``OPENAI_API_KEY`` where not given; none is sent where there is none.
    cache : path, optional
        A folder for answers, one JSON file each, named by the SHA-256 of the prompt, the model, the endpoint and
        the options. What is there is not asked again. It holds no prompt, but answers may quote the traces.
    timeout : float
        Seconds to wait for an answer.
    seed : int
        Sent along, with a temperature of 0.
    options : mapping, optional
        More of the request's body, as ``{"max_tokens": None, "max_completion_tokens": 2000}``; None leaves one out.

    Examples
    --------
    >>> OpenAINamer(model="qwen3:8b", base_url="http://127.0.0.1:11434/v1")
    <OpenAINamer 'qwen3:8b' at http://127.0.0.1:11434/v1: 0 asked, 0 from the cache>
    """

    def __init__(
        self,
        *,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        cache: str | Path | None = None,
        timeout: float = 60.0,
        seed: int = 0,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        base_url = base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        api_key = api_key or os.environ.get("OPENAI_API_KEY") or ""
        if not model:
            raise ArgumentError("model='' names no model; give the name that the endpoint knows it by")
        if not re.match(r"https?://[^/\s]", base_url):
            raise ArgumentError(
                f"base_url={base_url!r} is no HTTP address; give one as 'http://127.0.0.1:11434/v1'"
            )
        if not api_key.isascii() or not api_key.isprintable():
            raise ArgumentError(
                "the API key has characters that no header may have; look for a line break in it"
            )
        if not timeout > 0:
            raise ArgumentError(f"timeout={timeout!r} must be above 0 seconds")
        self.name, self.base_url = model, base_url.rstrip("/")
        self.cache = None if cache is None else Path(cache)
        self.timeout = timeout
        self.asked = self.reused = 0
        self._key = api_key
        body = {"temperature": 0, "seed": seed, "max_tokens": 400, **(options or {})}
        self._options = {k: v for k, v in body.items() if v is not None}

    def ask(self, prompt: str) -> str:
        """The model's answer, from the cache where it is there.

        Raises
        ------
        ModelError
            When the endpoint cannot be reached, refuses, or answers with something else than a chat completion.
        """
        path = None
        if self.cache is not None:
            said = json.dumps([prompt, self.name, self.base_url, self._options], sort_keys=True)
            path = self.cache / f"{hashlib.sha256(said.encode()).hexdigest()}.json"
            answer = _kept(path)
            if answer is not None:
                self.reused += 1
                return answer
        answer = self._fetch(prompt)
        self.asked += 1
        if path is not None:
            _keep(path, {"model": self.name, "base_url": self.base_url, **self._options, "answer": answer})
        return answer

    def __repr__(self) -> str:
        return f"<OpenAINamer {self.name!r} at {self.base_url}: {self.asked:,} asked, {self.reused:,} from the cache>"

    def _fetch(self, prompt: str) -> str:
        import httpx

        body = {"model": self.name, "messages": [{"role": "user", "content": prompt}], **self._options}
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        url, why = f"{self.base_url}/chat/completions", ""
        for attempt in range(ATTEMPTS):
            wait = 2.0**attempt
            try:
                reply = httpx.post(url, json=body, headers=headers, timeout=self.timeout)
            except httpx.TimeoutException:
                why = f"no answer within {self.timeout:g} s; give a longer timeout="
            except httpx.HTTPError as error:
                why = f"{plain(str(error), 200)}; see that the endpoint runs, and base_url="
            else:
                if reply.status_code == 200:
                    return _content(reply, url)
                why = _refusal(reply)
                if reply.status_code != 429 and reply.status_code < 500:
                    break  # asking again would not change it
                wait = max(wait, _seconds(reply.headers.get("retry-after", "")))
            if attempt + 1 < ATTEMPTS:
                time.sleep(min(wait, _LONGEST_WAIT))
        raise ModelError(f"{self.name!r} at {url} gave no answer: {why}")


class FakeNamer:
    """A namer for tests: answers without a model, and keeps what it was asked in ``prompts``.

    Parameters
    ----------
    answer : str or callable, optional
        Every answer, or a function of the prompt; a valid name that differs from prompt to prompt where not given.

    Examples
    --------
    >>> namer = FakeNamer('{"name": "Asks back", "explanation": "It asks."}')
    >>> namer.ask("what is this?")
    '{"name": "Asks back", "explanation": "It asks."}'
    >>> namer.prompts
    ['what is this?']
    """

    def __init__(self, answer: str | Callable[[str], str] | None = None) -> None:
        self.name = "fake"
        self.prompts: list[str] = []
        self._answer = answer

    def ask(self, prompt: str) -> str:
        """The answer that it was made with; what a function raises is raised."""
        self.prompts.append(prompt)
        if callable(self._answer):
            return self._answer(prompt)
        if self._answer is not None:
            return self._answer
        mark = hashlib.sha256(prompt.encode()).hexdigest()[:8]
        return json.dumps({"name": f"Fake name {mark}", "explanation": f"A fake explanation, {mark}."})


def _content(reply: httpx.Response, url: str) -> str:
    try:
        content = reply.json()["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        content = None
    if not isinstance(content, str):
        raise ModelError(
            f"{url} answered with something else than a chat completion: {plain(reply.text, 120)!r}; see base_url="
        )
    return content


def _refusal(reply: httpx.Response) -> str:
    code = reply.status_code
    step = {
        401: "; give an api_key=, or set OPENAI_API_KEY",
        403: "; the key may not use this model",
        404: "; see model= and that base_url= ends as the endpoint wants it, often with /v1",
        429: "; the endpoint wants fewer requests, try again later",
    }.get(code, "; options={...: None} leaves out a field that it does not know" if code == 400 else "")
    return f"HTTP {code} {plain(reply.text, 200)!r}{step}"


def _seconds(header: str) -> float:
    return float(header) if re.fullmatch(r"\d{1,4}(\.\d+)?", header) else 0.0


def _kept(path: Path) -> str | None:
    """The answer in a cache's file; None where there is none that can be read."""
    try:
        answer = json.loads(path.read_text(encoding="utf-8"))["answer"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return answer if isinstance(answer, str) else None


def _keep(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=True, indent=1)
    Path(name).replace(path)  # whole or not at all
