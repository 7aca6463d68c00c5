"""Wheels made on the spot, for pip to find without a network, and a registry on loopback."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def make_wheel(folder: Path, name: str, files: Mapping[str, bytes], version: str = "1.0") -> str:
    """Write ``name-version-py3-none-any.whl`` into ``folder``; return its sha256."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in files.items():
            archive.writestr(member, data)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Index:
    """What a registry on loopback serves, and what it was asked for.

    ``asked`` holds the file's name and the byte it was asked from; a file in ``broken`` breaks off
    after so many bytes, once; one in ``held`` stops half-way until its event is set.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[str, int]] = []
        self.broken: dict[str, int] = {}
        self.held: dict[str, threading.Event] = {}


@contextmanager
def served(index: Index) -> Iterator[str]:
    """Serve the wheels of a folder as a registry does; give the address for ``PIP_INDEX_URL``."""

    class Handler(_Handler):
        own = index

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        for event in index.held.values():
            event.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    own: Index
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        steps = self.path.strip("/").split("/")
        if steps[0] == "simple":
            names = sorted(path.name for path in self.own.folder.glob("*.whl"))
            links = "".join(f'<a href="/files/{name}">{name}</a>\n' for name in names)
            self._begin(200, len(links), {"Content-Type": "text/html"})
            self.wfile.write(links.encode())
        else:
            self._file(steps[-1], (self.own.folder / steps[-1]).read_bytes())

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _file(self, name: str, data: bytes) -> None:
        asked = self.headers.get("Range", "bytes=0-")
        first = int(asked.removeprefix("bytes=").partition("-")[0])
        self.own.asked.append((name, first))
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "Accept-Ranges": "bytes"}
        if "Range" in self.headers:
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        self._begin(206 if "Range" in self.headers else 200, len(data) - first, headers)
        broken, held = self.own.broken.pop(name, None), self.own.held.get(name)
        with contextlib.suppress(ConnectionError):  # a client that was killed
            if broken is not None:
                self.wfile.write(data[first:broken])
                self.close_connection = True
                return
            half = first + (len(data) - first) // 2
            self.wfile.write(data[first:half])
            self.wfile.flush()
            if held is not None:
                held.wait(60)
            self.wfile.write(data[half:])

    def _begin(self, status: int, size: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(size))
        self.end_headers()
