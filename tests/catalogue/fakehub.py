"""A hub on loopback: just the addresses that fetching a checkpoint asks for."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Repositories:
    """What the fake hub holds, what it was asked for, and the files it spoils on the way.

    ``commit`` is what its branches stand at; a file in ``held`` comes only in part until its event
    is set.
    """

    def __init__(self, files: Mapping[str, Mapping[str, bytes]]) -> None:
        self.files = files
        self.asked: list[str] = []
        self.revisions: list[str] = []
        self.spoilt: set[str] = set()
        self.commit = COMMIT
        self.held: dict[str, threading.Event] = {}


def fetch(
    model: str, cache: Path, endpoint: str, *options: str
) -> subprocess.CompletedProcess[str]:
    """Run ``models fetch`` against a hub; no licence stands in the way."""
    program = "from bot.cli_models import models; models()"
    environ = {**os.environ, "HF_ENDPOINT": endpoint, "MENAGERIE_CACHE": str(cache)}
    environ["HF_HOME"] = str(cache / "hf")
    environ.pop("HF_HUB_OFFLINE", None)
    return subprocess.run(
        [sys.executable, "-c", program, "fetch", model, "--accept-licence", *options],
        capture_output=True,
        text=True,
        env=environ,
        cwd=cache,
        timeout=60,
    )


@contextmanager
def served(hub: Repositories) -> Iterator[str]:
    """Serve ``hub`` and give its address."""

    class Handler(_Handler):
        repositories = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    repositories: Repositories
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, body: bool) -> None:
        steps = urlparse(self.path).path.strip("/").split("/")
        if steps[:2] == ["api", "models"]:
            self._api("/".join(steps[2:4]), steps[4:])
            return
        repo, name = "/".join(steps[:2]), "/".join(steps[4:])
        self.repositories.asked.append(f"{self.command} {name}")
        data = self.repositories.files.get(repo, {}).get(name)
        if steps[2:3] != ["resolve"] or data is None:
            self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
            return
        etag = f'"{hashlib.sha256(data).hexdigest() if is_large(data) else blob_of(data)}"'
        if name in self.repositories.spoilt:
            data = b"?" * len(data)
        held = self.repositories.held.get(name) if body else None
        self._send(200, data, {"ETag": etag, "X-Repo-Commit": steps[3]}, body, held)

    def _api(self, repo: str, rest: list[str]) -> None:
        files = self.repositories.files.get(repo)
        if files is None:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif rest[:1] == ["tree"]:
            self._send(200, json.dumps([_entry(*item) for item in files.items()]).encode())
        else:
            siblings = [_sibling(*item) for item in files.items()]
            revision = rest[1] if rest[:1] == ["revision"] else "main"
            self.repositories.revisions.append(revision)
            commit = revision if len(revision) == 40 else self.repositories.commit
            info = {"id": repo, "sha": commit, "siblings": siblings}
            self._send(200, json.dumps(info).encode())

    def _send(
        self,
        status: int,
        data: bytes,
        headers: Mapping[str, str] | None = None,
        body: bool = True,
        held: threading.Event | None = None,
    ) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # a client that was stopped
            if body and held is not None:
                self.wfile.write(data[: len(data) // 2])
                self.wfile.flush()
                held.wait(60)
                self.wfile.write(data[len(data) // 2 :])
            elif body:
                self.wfile.write(data)


def blob_of(data: bytes) -> str:
    """Return the hash by which git knows a file's contents."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def is_large(data: bytes) -> bool:
    """Say whether the hub keeps a file as a large one, by its sha256."""
    return len(data) > 100


def _lfs(data: bytes) -> dict[str, object]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}


def _sibling(name: str, data: bytes) -> dict[str, object]:
    entry = {"rfilename": name, "size": len(data), "blobId": blob_of(data)}
    return {**entry, "lfs": _lfs(data)} if is_large(data) else entry


def _entry(name: str, data: bytes) -> dict[str, object]:
    entry = {"type": "file", "path": name, "size": len(data), "oid": blob_of(data)}
    lfs = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return {**entry, "lfs": lfs} if is_large(data) else entry
