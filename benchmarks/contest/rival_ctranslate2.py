"""A rival in C++: CTranslate2, batches of what waits, every request ending at its own length."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from .contestant import Contestant, Waiting, expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from .workload import Ask


def converted(folder: Path) -> Path:
    """Return the folder of a checkpoint in CTranslate2's format; made the first time, in fp32."""
    target = folder / "ctranslate2"
    if not (target / "model.bin").exists():
        from ctranslate2.converters import TransformersConverter

        partial = folder / "ctranslate2.part"
        shutil.rmtree(partial, ignore_errors=True)
        TransformersConverter(str(folder)).convert(str(partial))
        partial.rename(target)
    return target


class CTranslate2(Contestant):
    """Keeps ``workers`` generators of ``threads`` each; one that is free takes what waits.

    Its callback ends a row where its request ends, so that short ones need not wait for long ones;
    none joins a batch under way.
    """

    async def start(self) -> None:
        """Load the generators."""
        import ctranslate2

        self._tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        self._generator = ctranslate2.Generator(
            str(self.folder / "ctranslate2"),
            compute_type=self.settings["dtype"],
            inter_threads=self.settings["workers"],
            intra_threads=self.settings["threads"],
        )
        self._waiting: list[Waiting] = []
        self._free = self.settings["workers"]
        self._runs: set[asyncio.Task[None]] = set()

    async def ask(self, ask: Ask, seen: Callable[[], None]) -> str:
        """Wait for a generator."""
        waiting = Waiting(ask, seen)
        self._waiting.append(waiting)
        asyncio.get_running_loop().call_soon(self._dispatch)  # after the rest of a burst
        return await asyncio.wrap_future(waiting.answer)

    def _dispatch(self) -> None:
        while self._free and self._waiting:
            most = self.settings["batch"]
            near = sorted(self._waiting[: self._free * most], key=lambda one: len(one.ask.ids))
            batch = near[: min(most, -(-len(near) // self._free))]  # shared out evenly
            self._waiting = [one for one in self._waiting if one not in batch]
            self._free -= 1
            run = asyncio.ensure_future(self._run(batch))
            self._runs.add(run)
            run.add_done_callback(self._runs.discard)

    async def _run(self, batch: list[Waiting]) -> None:
        try:
            await asyncio.to_thread(self._generate, batch)
        except Exception as error:
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
        finally:
            self._free += 1
            self._dispatch()

    def _generate(self, batch: list[Waiting]) -> None:
        made: list[list[int]] = [[] for _ in batch]

        def on_token(step: Any) -> bool:
            row, waiting = made[step.batch_id], batch[step.batch_id]
            row.append(step.token_id)
            waiting.seen()
            over = len(row) == waiting.ask.new_tokens
            if over:
                waiting.answer.set_result(self._tokenizer.decode(row))
            return over

        self._generator.generate_batch(
            [[self._tokenizer.id_to_token(n) for n in waiting.ask.ids] for waiting in batch],
            max_length=max(waiting.ask.new_tokens for waiting in batch),
            include_prompt_in_result=False,
            callback=on_token,
        )
        for row, waiting in zip(made, batch, strict=True):
            expect(len(row), waiting.ask)

    async def stop(self) -> None:
        """Let go of the generators."""
        self._generator.unload_model()
