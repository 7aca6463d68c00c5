"""A small process that has imported torch and transformers, and forks workers on request.

A worker forked from it starts in milliseconds and shares its libraries' memory. The bot starts it
with ``python -m bot.inference.forkserver FD``, where FD is one end of a socket pair: each byte
``F`` that arrives, with a file descriptor beside it, becomes a worker on that descriptor; lines
``started PID``, ``failed`` and ``exited PID STATUS`` go back. At the socket's end it kills its
children and exits; should the bot die, the kernel kills both.

It runs no net itself: a process that has run OpenMP code cannot be forked safely.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pkgutil
import select
import signal
import socket
import sys
import traceback

from bot.children import die_with_parent

FORK = b"F"
PRELOAD = (
    "torch",
    "transformers",
    "transformers.generation",
    "transformers.models.auto",
    "transformers.models.gpt2.modeling_gpt2",
    "transformers.models.llama.modeling_llama",
    "bot.inference.worker",
)


def main(control_fd: int) -> None:
    """Serve fork requests until the bot closes its end."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the bot's to handle
    missing = preload()
    gc.collect()
    gc.freeze()  # or each worker's collector writes into every object, and shares none
    control = socket.socket(fileno=control_fd)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: set[int] = set()
    while True:
        readable, _, _ = select.select([control.fileno(), woken], [], [])
        if woken in readable:
            os.read(woken, 4096)
            _reap(control, children)
        if control.fileno() in readable:
            request, descriptors, _, _ = socket.recv_fds(control, 1, 1)
            if not request:
                break
            try:
                pid = _fork(descriptors[0], (control, woken, wake), missing)
            except (OSError, IndexError):  # no room for a process, or for a descriptor
                traceback.print_exc()
                control.sendall(b"failed\n")
                continue
            children.add(pid)
            control.sendall(f"started {pid}\n".encode())
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def preload() -> tuple[str, ...]:
    """Import what workers need, the families included; return the names that would not import."""
    import bot.families

    families = [f"bot.families.{m.name}" for m in pkgutil.iter_modules(bot.families.__path__)]
    missing = []
    for name in (*PRELOAD, *families):
        try:
            importlib.import_module(name)
        except Exception:
            traceback.print_exc()
            missing.append(name)
    return tuple(missing)


def _fork(
    descriptor: int, inherited: tuple[socket.socket, int, int], missing: tuple[str, ...]
) -> int:
    forkserver = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        os.close(descriptor)
        raise
    if pid:
        os.close(descriptor)
        return pid
    status = 1
    try:
        control, woken, wake = inherited
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        os.close(woken)
        os.close(wake)
        die_with_parent(forkserver)
        from bot.inference import worker

        worker.main(socket.socket(fileno=descriptor), missing)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _reap(control: socket.socket, children: set[int]) -> None:
    for pid in list(children):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            children.discard(pid)
            code = os.waitstatus_to_exitcode(status)
            control.sendall(f"exited {pid} {code}\n".encode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
