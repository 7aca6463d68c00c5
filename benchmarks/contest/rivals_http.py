"""Rivals behind HTTP, in server processes of their own: LitServe, and ``transformers serve``."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import aiohttp

from .contestant import Contestant, expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from .workload import Ask

UP_LIMIT_S = 180.0
STOP_LIMIT_S = 5.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server(Contestant):
    """A contestant that is a command which listens on a port."""

    health = "/health"

    def command(self, port: int) -> list[str]:
        """Return the command that starts the server."""
        raise NotImplementedError

    async def start(self) -> None:
        """Start the server and wait until it says that it is well."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        environ = {**os.environ, "HF_HUB_OFFLINE": "1"}
        self._server = await asyncio.to_thread(
            subprocess.Popen, self.command(port), env=environ, stdout=sys.stderr
        )
        timeout = aiohttp.ClientTimeout(total=None)
        connector = aiohttp.TCPConnector(limit=0)
        self.session = aiohttp.ClientSession(timeout=timeout, connector=connector)
        ends = time.monotonic() + UP_LIMIT_S
        while not await self._is_up():
            if self._server.poll() is not None or time.monotonic() > ends:
                raise RuntimeError(f"the server is not up; exit status {self._server.poll()}")
            await asyncio.sleep(0.25)

    async def _is_up(self) -> bool:
        try:
            async with self.session.get(self.url + self.health) as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def stop(self) -> None:
        """Ask the server to stop; kill it if it will not."""
        await self.session.close()
        self._server.send_signal(signal.SIGINT)
        try:
            await asyncio.to_thread(self._server.wait, STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._server.kill()


class LitServe(Server):
    """LitServe with batching: ``contest.litserve_server``, a padded ``generate`` in fp32.

    Its answers come whole, so the first token is seen with the last.
    """

    def command(self, port: int) -> list[str]:
        """Return the command that starts the server."""
        arguments = [str(self.folder), str(port), str(self.settings["batch"])]
        return [sys.executable, "-m", "contest.litserve_server", *arguments]

    async def ask(self, ask: Ask, seen: Callable[[], None]) -> str:
        """Post the request and wait for the whole answer."""
        body = {"prompt": ask.text, "new_tokens": ask.new_tokens}
        async with self.session.post(f"{self.url}/predict", json=body) as answer:
            answer.raise_for_status()
            return str((await answer.json())["text"])


class TransformersServe(Server):
    """``transformers serve --continuous-batching``, its pages counted out, answers streamed.

    Left to itself it takes more than half of the machine's memory for pages.
    """

    def command(self, port: int) -> list[str]:
        """Return the command that starts the server."""
        code = "from transformers.cli.transformers import main; main()"
        flags = {
            "device": "cpu",
            "dtype": "float32",
            "host": "127.0.0.1",
            "port": port,
            "cb-block-size": self.settings["page_size"],
            "cb-num-blocks": self.settings["num_blocks"],
            "cb-max-batch-tokens": self.settings["max_batch_tokens"],
            "log-level": "error",
        }
        words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
        start = [sys.executable, "-c", code, "serve", str(self.folder), "--continuous-batching"]
        return [*start, *words]

    async def ask(self, ask: Ask, seen: Callable[[], None]) -> str:
        """Post the request and read its events."""
        body = {
            "model": str(self.folder),
            "prompt": ask.text,
            "max_tokens": ask.new_tokens,
            "temperature": 0.0,
            "stream": True,
        }
        text, tokens = "", 0
        async with self.session.post(f"{self.url}/v1/completions", json=body) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                if not line.startswith(b"data: {"):
                    continue
                event = json.loads(line[6:])
                if "error" in event:
                    raise RuntimeError(event["error"])
                if piece := event["choices"][0]["text"]:
                    seen()
                    text += piece
                tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
        expect(tokens, ask)
        return text
