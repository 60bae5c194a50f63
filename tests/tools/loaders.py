"""Run by the tools' interpreter: load a file with the tool's own loader and write what it holds as JSON.

``python loaders.py <tool> <export> <where the JSON goes>``
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

QUIET = {
    "ANONYMIZED_TELEMETRY": "false",
    "BRAINTRUST_DISABLE_TELEMETRY": "true",
    "DEEPEVAL_TELEMETRY_OPT_OUT": "YES",
    "DEEPEVAL_UPDATE_WARNING_OPT_IN": "NO",
    "DO_NOT_TRACK": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "LANGFUSE_TRACING_ENABLED": "false",
    "LANGSMITH_TRACING": "false",
    "OPENAI_API_KEY": "none",  # OpenAI Evals makes a client when it is imported
    "RAGAS_DO_NOT_TRACK": "true",
}
"""No tool calls home in a test."""


def rows(path: str) -> list[dict]:
    """The records of a file, as the documentation of these tools reads it before the upload."""
    return [json.loads(line) for line in Path(path).read_bytes().split(b"\n") if line]


def inspect(path: str) -> list[dict]:
    from inspect_ai.dataset import json_dataset

    return [
        {
            "id": one.id,
            "input": [{"role": m.role, "content": m.content} for m in one.input],
            "target": one.target,
            "metadata": one.metadata,
        }
        for one in json_dataset(path)
    ]


def deepeval(path: str) -> list[dict]:
    from deepeval.dataset import EvaluationDataset

    held = EvaluationDataset()
    (held.add_goldens_from_json_file if path.endswith(".json") else held.add_goldens_from_jsonl_file)(path)
    return [one.model_dump() for one in held.goldens]


def openai_evals(path: str) -> list[dict]:
    from evals.data import get_jsonl

    return get_jsonl(path)


def ragas(path: str) -> list[dict]:
    from ragas import EvaluationDataset

    return [one.model_dump() for one in EvaluationDataset.from_jsonl(path)]


def langsmith(path: str) -> list[dict]:
    from langsmith.schemas import ExampleCreate

    return [ExampleCreate(**row).model_dump(mode="json") for row in rows(path)]


def langfuse(path: str) -> list[dict]:
    """As its API client reads and writes the body of ``POST /api/public/dataset-items``."""
    from langfuse.api.core.pydantic_utilities import parse_obj_as
    from langfuse.api.dataset_items.types import CreateDatasetItemRequest

    return [json.loads(parse_obj_as(CreateDatasetItemRequest, row).json()) for row in rows(path)]


def braintrust(path: str) -> list[dict]:
    """What ``Dataset.insert`` sends, kept by the logger that Braintrust tests itself with."""
    from braintrust import logger
    from braintrust.util import LazyValue

    thing = logger.ObjectMetadata(id="x", name="refunds", full_info={})
    known = LazyValue(lambda: logger.ProjectDatasetMetadata(project=thing, dataset=thing), use_mutex=False)
    with logger._internal_with_memory_background_logger() as memory:
        held = logger.Dataset(lazy_metadata=known)
        for row in rows(path):
            held.insert(**row)
        return memory.pop()


def phoenix(path: str) -> list[dict]:
    """What its client uploads, caught by a server of ours."""
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    from phoenix.client import Client

    got: list[dict] = []

    class Catch(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500)
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("x-phoenix-server-version", "99.0.0")
            self.end_headers()
            self.wfile.write(b"99.0.0")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Catch)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = Client(base_url=f"http://127.0.0.1:{server.server_port}")
    try:
        client.datasets.create_dataset(name="refunds", examples=rows(path))
    except Exception as error:  # our server answers with an error once it has what it wants
        if not got:
            raise SystemExit(f"nothing was uploaded: {error!r}") from error
    server.shutdown()
    body = got[0]
    return [
        {"input": i, "output": o, "metadata": m, "id": n, "span_id": s}
        for i, o, m, n, s in zip(
            *(body[key] for key in ("inputs", "outputs", "metadata", "example_ids", "span_ids")), strict=True
        )
    ]


def huggingface(path: str) -> list[dict]:
    from datasets import load_dataset

    return load_dataset(path, split="test", cache_dir=str(Path(path).parent / "cache")).to_list()


if __name__ == "__main__":
    os.environ.update(QUIET)
    name, source, target = sys.argv[1:]
    load = {
        "inspect": inspect,
        "deepeval": deepeval,
        "openai-evals": openai_evals,
        "ragas": ragas,
        "langsmith": langsmith,
        "langfuse": langfuse,
        "braintrust": braintrust,
        "phoenix": phoenix,
        "huggingface": huggingface,
    }[name]
    Path(target).write_text(json.dumps(load(source), default=str), "ascii")
