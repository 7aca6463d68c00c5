"""A worker: holds models and runs jobs on them. Knows nothing of members, queues or Discord.

Three threads: the reader takes frames off the socket, answers pings and sets cancel flags at once,
so that a worker deep in native code still counts as alive; the main thread owns every net; a third
prepares what needs none (:mod:`bot.inference.aside`).
"""

from __future__ import annotations

import contextlib
import importlib
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import torch

from bot.children import offer_when_memory_runs_out
from bot.families.base import BatchFamily, GeneratingFamily, Stopped
from bot.families.moods import BySentence
from bot.inference import wire
from bot.inference.crowding import Crowding
from bot.inference.ends import Jobs
from bot.inference.estimates import size_class
from bot.inference.running import BatchRun, Running
from bot.inference.writing import Prepared, Writing

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from bot.inference.wire import FromWorker, ToWorker

NICENESS = 5
BATCH_CHARACTERS = 32_000  # in a batch, padding counted
OOM_SCORE = 800  # the kernel takes a worker before it takes the bot


def main(connection: socket.socket, missing: tuple[str, ...]) -> None:
    """Be a worker on this connection until the bot closes it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.nice(NICENESS)
    offer_when_memory_runs_out(OOM_SCORE)
    sys.stdout = sys.stderr  # a library's print is a line in the log
    torch.set_num_threads(int(os.environ.get("MENAGERIE_THREADS", "1")))
    lock = threading.Lock()

    def send(message: FromWorker) -> None:
        with lock:
            try:
                connection.sendall(wire.frame(message))
            except ConnectionError:
                os._exit(0)  # the bot is gone: nobody wants to hear it

    worker = Worker(send)
    threading.Thread(target=_read, args=(connection, worker), daemon=True).start()
    send(wire.Hello(os.getpid(), missing))
    with torch.inference_mode():
        worker.run()


def _read(connection: socket.socket, worker: Worker) -> None:
    try:
        while (body := wire.receive(connection)) is not None:
            worker.receive(wire.to_worker.decode(body))
    except ConnectionResetError:
        pass
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(0)  # the bot is gone: nobody wants the rest


class Worker:
    """Loads models and runs jobs; the same class serves any transport.

    Args:
        send: Takes every message for the bot; called from both threads.
    """

    def __init__(self, send: Callable[[FromWorker], None]) -> None:
        self._send = send
        self._inbox: queue.SimpleQueue[ToWorker | Prepared] = queue.SimpleQueue()
        self._jobs = Jobs(send)
        self._families: dict[str, BatchFamily[Any, Any] | GeneratingFamily] = {}
        self._batch: deque[Running] = deque()
        self._writing = Writing(self._families, self._jobs, send, self._inbox.put, self._count_step)
        self._steps = 0
        self._threads = torch.get_num_threads()
        self._crowding = Crowding() if os.environ.get("MENAGERIE_GIVE_WAY") == "1" else None

    def receive(self, message: ToWorker) -> None:
        """Take a message; pings and cancels act at once, the rest waits its turn."""
        match message:
            case wire.Ping():
                self._send(wire.Pong(self._steps))
            case wire.CancelJob(job_id):
                if (running := self._jobs.by_id.get(job_id)) is not None:
                    running.cancelled.set()
                    self._inbox.put(message)  # wakes who only waits for what is prepared
            case wire.Lend(threads):
                self._threads = threads
            case wire.RunJob(job_id):
                self._jobs.by_id[job_id] = Running(message, self._send)
                self._inbox.put(message)
            case _:
                self._inbox.put(message)

    def run(self) -> None:
        """Work for ever: take messages, then advance whatever is under way by one step."""
        while True:
            busy = bool(self._batch) or self._writing.is_busy
            with contextlib.suppress(queue.Empty):
                while True:
                    self._handle(self._inbox.get(block=not busy))
                    busy = True
            self._writing.let_join()
            self._writing.advance()
            if self._batch:
                self._run_batch(self._next_batch())

    def _handle(self, message: ToWorker | Prepared) -> None:
        match message:
            case Prepared():
                self._writing.prepared(message)
            case wire.CancelJob():
                self._writing.stop_waiting()
            case wire.Load():
                self._load(message)
            case wire.Unload(model_id):
                self._unload(model_id)
            case wire.RunJob(job_id):
                running = self._jobs.by_id.get(job_id)
                if running is not None and running.order is message:  # else it was ordered anew
                    self._begin(running)

    def _load(self, message: wire.Load) -> None:
        self._use_lent_threads()
        model, began = message.model, time.monotonic()
        self._send(wire.LoadBegan(model.id))
        try:
            module = importlib.import_module(f"bot.families.{model.family}")
            family = module.load(model, Path(message.folder))
            if "sentiment" in model.tasks and isinstance(family, BatchFamily):
                family = BySentence(family)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            memory = _is_out_of_memory(error)
            self._send(wire.LoadFailed(model.id, text, traceback.format_exc(), memory))
            return
        self._families[model.id] = family
        load_s = time.monotonic() - began
        loaded = wire.Loaded(model.id, family.size_bytes(), load_s)
        if isinstance(family, GeneratingFamily):
            loaded = msgspec.structs.replace(
                loaded,
                note=family.engine.note,
                could_be_prepared=family.engine.could_be_prepared,
                gathers=family.engine.gathers,
            )
        self._send(loaded)

    def _unload(self, model_id: str) -> None:
        """Forget a model; jobs at it were given up by the bot, those to come load it again."""
        begun = [running for running in list(self._jobs.by_id.values()) if running.begun]
        for running in [r for r in begun if r.order.model_id == model_id]:
            self._jobs.stopped(running)
        self._families.pop(model_id, None)

    def _begin(self, running: Running) -> None:
        running.begun = True
        family = self._families.get(running.order.model_id)
        if family is None:  # its load failed, and that was reported
            self._jobs.forget(running)
        elif isinstance(family, BatchFamily):
            self._batch.append(running)
        else:
            self._writing.begin(family, running)

    def _next_batch(self) -> list[Running]:
        """Take out the oldest job, and those for the same model and task of about its length.

        The scheduler gives a worker no more of them than the model has slots; here they are
        bounded by what the padded batch holds.
        """
        key = _batch_key(self._batch[0])
        batch: list[Running] = []
        longest = 0
        for running in [r for r in self._batch if _batch_key(r) == key]:
            longest = max(longest, running.order.request.size())
            if batch and longest * (len(batch) + 1) > BATCH_CHARACTERS:
                break
            batch.append(running)
        self._batch = deque(running for running in self._batch if running not in batch)
        return [running for running in batch if self._jobs.knows(running)]

    def _run_batch(self, batch: list[Running]) -> None:
        """Run jobs as one batch; if that fails, each by itself, so that only the guilty fail."""
        if not batch:
            return  # all were given up by the bot
        family = self._families[batch[0].order.model_id]
        assert isinstance(family, BatchFamily)
        ready: list[Running] = []
        inputs: list[Any] = []
        for running in batch:
            with self._jobs.ending(running):
                running.start()
                if running.unwanted:
                    raise Stopped
                inputs.append(family.preprocess(running.order.request, running.order.seed))
                ready.append(running)
        try:
            outputs = self._forward(family, ready, inputs) if len(ready) > 1 else []
        except Exception as error:
            sys.stderr.write(f"batch of {len(ready)} failed, each is tried alone: {error!r}\n")
            outputs = []
        for number, running in enumerate(ready):
            with self._jobs.ending(running):
                output = (
                    outputs[number]
                    if outputs
                    else self._forward(family, [running], [inputs[number]])[0]
                )
                if running.unwanted:
                    raise Stopped
                self._jobs.done(running, family.postprocess(output, running.order.request))

    def _forward(
        self, family: BatchFamily[Any, Any], batch: list[Running], inputs: list[Any]
    ) -> list[Any]:
        for running in batch:
            running.batch = len(batch)
        self._use_lent_threads()
        outputs = family.forward(inputs, BatchRun(batch, self._count_step))
        if len(outputs) != len(inputs):
            raise RuntimeError(f"{len(outputs)} outputs for {len(inputs)} inputs")
        return outputs

    def _count_step(self) -> None:
        self._steps += 1
        self._use_lent_threads()

    def _use_lent_threads(self) -> None:
        """Let torch use what is worth it of the lent threads; only the main thread may say so."""
        threads = self._crowding.worth(self._threads) if self._crowding else self._threads
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


def _batch_key(running: Running) -> tuple[str, type, int]:
    """Return what jobs must share to be one batch: model, task, class of length."""
    order = running.order
    return order.model_id, type(order.request), size_class(order.request)


def _is_out_of_memory(error: Exception) -> bool:
    """Say whether memory ran out; torch says so in words."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError | OSError) and "allocate memory" in str(error)
    )
