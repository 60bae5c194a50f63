"""A real JupyterLab on loopback with a headless Chromium beside it, for tests and the benchmark of the workbench."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

_TOKEN = "loopback-only"
_CHROMIUM = (
    "--no-sandbox",  # tests may run as root in a container
    "--disable-dev-shm-usage",
    # WebGL2 in software, so that a machine without a graphics card draws the map too
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-background-timer-throttling",
)
_QUIET = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
_ROOT = Path(__file__).resolve().parents[2]


class Lab:
    """A server with private settings; ``app`` is ``"lab"`` or ``"notebook"`` (Notebook 7)."""

    def __init__(self, folder: Path | str, *, app: str = "lab", dark: bool = False) -> None:
        self.folder = folder = Path(folder)
        self.app = app
        private = Path(tempfile.mkdtemp(prefix="jupyter-", dir=folder))
        self._setting(private, "@jupyterlab/apputils-extension/notification", _QUIET)
        if dark:
            self._setting(private, "@jupyterlab/apputils-extension/themes", {"theme": "JupyterLab Dark"})
        self._runtime = private / "runtime"
        self._env = os.environ | {
            "JUPYTER_CONFIG_DIR": str(private / "config"),
            "JUPYTER_DATA_DIR": str(private / "data"),
            "JUPYTER_RUNTIME_DIR": str(self._runtime),
            "IPYTHONDIR": str(private / "ipython"),
            "JUPYTER_PREFER_ENV_PATH": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH")))),
        }
        self._env.pop("JUPYTER_TOKEN", None)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._log = (private / "server.log").open("w+")
        self._server = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyter", app, "--no-browser", "--allow-root", "--ip=127.0.0.1"),
                *(f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={_TOKEN}"),
                *(f"--ServerApp.root_dir={folder}", "--ServerApp.terminals_enabled=False"),
                "--expose-app-in-browser",  # window.jupyterapp: tests run the Lab's own commands
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=self._env,
            cwd=folder,
        )
        self._wait_for_server()

    @staticmethod
    def _setting(private: Path, plugin: str, values: dict[str, Any]) -> None:
        path = private / "config" / "lab" / "user-settings" / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))

    def _wait_for_server(self) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            if self._server.poll() is not None:
                break
            with contextlib.suppress(OSError):
                self.api("/api/status")
                return
            time.sleep(0.1)
        self._log.seek(0)
        raise RuntimeError(f"JupyterLab did not start:\n{self._log.read()[-3000:]}")

    def api(self, path: str, *, method: str = "GET", body: Any = None) -> Any:
        """One call of the server's own interface."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {_TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def notebook(self, name: str, cells: Sequence[str]) -> str:
        """Write a notebook of code cells; with its kernel named, the Lab asks nothing."""
        made = [
            {
                "cell_type": "code",
                "id": f"c{k}",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for k, source in enumerate(cells)
        ]
        kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": made}
        (self.folder / name).write_text(json.dumps(book))
        return name

    def open(self, page: Any, name: str, *, kernel: bool = True) -> None:
        """Show a notebook and wait until it is the file, not the placeholder shown before it."""
        place = (
            f"/notebooks/{name}?" if self.app == "notebook" else f"/lab/workspaces/auto-t/tree/{name}?reset&"
        )
        page.goto(f"{self.url}{place}token={_TOKEN}")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
        ready = "await p.context.ready; await p.revealed;"
        if kernel:
            ready += "await p.sessionContext.ready; await p.sessionContext.session.kernel.info;"
        page.evaluate(f"async () => {{ const p = window.jupyterapp.shell.currentWidget; {ready} }}")
        page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.content.model.cells.get(0).sharedModel.source.length > 0"
        )

    def run_all(self, page: Any, *, timeout: float = 120, wait: bool = True) -> None:
        """Run every cell and wait until the model has a count for each, off-screen cells too."""
        self.command(page, "notebook:run-all-cells")
        if wait:
            self.wait_for_cells(page, timeout=timeout)

    def wait_for_cells(self, page: Any, *, timeout: float = 120) -> None:
        """Wait until every cell has run; a cell that failed raises with its traceback."""
        said = page.wait_for_function(
            """() => { const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
                for (let k = 0; k < cells.length; k++) {
                    const cell = cells.get(k);
                    if (cell.type !== 'code') continue;
                    for (const output of cell.outputs.toJSON())
                        if (output.output_type === 'error') return output.traceback.join('\\n');
                    if (cell.executionCount === null || cell.executionState === 'running') return false;
                }
                return cells.length > 0; }""",
            timeout=timeout * 1000,
        ).json_value()
        if said is not True:
            raise RuntimeError(said)

    def command(self, page: Any, name: str) -> None:
        """Start a command of the Lab; it is not awaited, since some resolve only when a person answers."""
        page.evaluate(f"() => {{ window.jupyterapp.commands.execute({name!r}); }}")

    def save(self, page: Any) -> None:
        """Save the notebook and wait until it is on the disk."""
        page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.context.save(); }")

    def cells(self, page: Any) -> list[dict[str, str]]:
        """Type and source of every cell, as the Lab holds them."""
        return page.evaluate(
            """() => { const cells = window.jupyterapp.shell.currentWidget.content.model.cells; const out = [];
                for (let k = 0; k < cells.length; k++) out.push({type: cells.get(k).type, source: cells.get(k).sharedModel.source});
                return out; }"""
        )

    def kernel(self, name: str, expression: str, *, timeout: float = 60) -> str:
        """What an expression is in the notebook's own kernel, by a second client of it."""
        from jupyter_client import BlockingKernelClient

        session = next(s for s in self.api("/api/sessions") if s["path"] == name)
        client = BlockingKernelClient(
            connection_file=str(self._runtime / f"kernel-{session['kernel']['id']}.json")
        )
        client.load_connection_file()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=30)
            reply = client.execute("", user_expressions={"v": expression}, reply=True, timeout=timeout)
            value = reply["content"]["user_expressions"]["v"]
            if value["status"] != "ok":
                raise RuntimeError(f"{expression}: {value['ename']}: {value['evalue']}")
            return value["data"]["text/plain"]
        finally:
            client.stop_channels()

    def stop_kernels(self) -> None:
        """End every kernel, as closing the Lab overnight does."""
        for session in self.api("/api/sessions") or []:
            with contextlib.suppress(urllib.error.URLError):
                self.api(f"/api/sessions/{session['id']}", method="DELETE")

    def close(self) -> None:
        """End the kernels, then the server."""
        with contextlib.suppress(OSError):
            self.stop_kernels()
        self._server.terminate()
        try:
            self._server.wait(15)
        except subprocess.TimeoutExpired:
            self._server.kill()
        self._log.close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def why_no_browser() -> str:
    """Why no browser test can run here; "" when one can."""
    if shutil.which("chromium") is None:
        return "Chromium is not installed (Debian: apt-get install chromium)"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed (pip install playwright)"
    return ""


def need_browser() -> None:
    """Skip with the reason, or fail where ``FAILSCOPE_REQUIRE_BROWSER=1`` says that a browser must be there."""
    reason = why_no_browser()
    if reason and os.environ.get("FAILSCOPE_REQUIRE_BROWSER") == "1":
        pytest.fail(f"FAILSCOPE_REQUIRE_BROWSER=1, but {reason}")
    if reason:
        pytest.skip(reason)


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium; it ends with the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        running = play.chromium.launch(
            executable_path=shutil.which("chromium"), headless=True, args=list(_CHROMIUM)
        )
        try:
            yield running
        finally:
            running.close()
