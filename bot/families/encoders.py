"""Runs encoders (BERT, RoBERTa, DistilBERT and kin) on windows of tokens from many jobs at once.

Windows of like lengths share a batch, so that next to nothing is spent on padding; what a window
gives does not depend on its neighbours, but for rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from bot.families import checkpoints
from bot.nets import int8

if TYPE_CHECKING:
    from bot.catalogue.model import Dtype, Model
    from bot.families.base import Run

Read = TypeVar("Read")

BATCH_TOKENS = 512
"""Tokens of a batch, padding counted: with more, what lies between layers outgrows the cache."""

BATCH_COST = 24
"""What a batch costs by itself, in tokens: its weights are read once and each layer is called."""

UNSAID = 512
"""Tokens that a net reads which does not say how many."""

INSANE = 1_000_000  # transformers' way to say that a tokenizer knows no limit


NATIVE_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")
"""What torch calls the instructions that multiply in bfloat16."""


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of a text as the net reads it: token ids with the special ones, and their kinds.

    ``kinds`` (0 for the first text, 1 for the second) are ``None`` for nets without them.
    ``focus`` is the one position whose output is wanted, where it is one.
    """

    ids: tuple[int, ...]
    kinds: tuple[int, ...] | None = None
    focus: int | None = None

    def __len__(self) -> int:
        return len(self.ids)


def serving_dtype(model: Model) -> Dtype:
    """Return how an encoder is held: as its entry says, but in float32 where that is faster.

    Processors without instructions for bfloat16 or int8 work them out many times slower.
    """
    if model.dtype == "int8":
        return "int8" if int8.is_fast() else "float32"
    able = torch.cpu.get_capabilities()
    return model.dtype if any(able.get(name) for name in NATIVE_BFLOAT16) else "float32"


def windows_of(encoding: Any) -> list[Window]:
    """Return what a tokenizer made of a text, cut into windows if it was told to."""
    ids = encoding["input_ids"]
    kinds = encoding.get("token_type_ids", [None] * len(ids))
    return [Window(tuple(i), k and tuple(k)) for i, k in zip(ids, kinds, strict=True)]


class Encoder:
    """A net with its tokenizer.

    Args:
        kind: The class of transformers that reads the checkpoint.
        model: The catalogue's entry.
        folder: The checkpoint.
    """

    def __init__(self, kind: Any, model: Model, folder: Any) -> None:
        dtype = serving_dtype(model)
        held = torch.bfloat16 if dtype == "bfloat16" else torch.float32
        self.net = checkpoints.load_net(kind, model, folder, held)
        self.tokenizer = checkpoints.load_tokenizer(model, folder)
        self.room = _room(model, self.net, self.tokenizer)
        """Tokens that it reads at once, the special ones counted."""
        self._padding = self.tokenizer.pad_token_id or 0
        self._run: Run | None = None
        self._focus: torch.Tensor | None = None
        for layer in _layers(self.net):
            layer.register_forward_pre_hook(self._look)
            if dtype == "int8":  # embeddings and heads stay as they are: few weights, much at stake
                int8.relay(layer)
        self.net.base_model.register_forward_hook(self._narrow)

    def outputs(
        self, windows: list[Window], run: Run, read: Callable[[Any, int, int], Read]
    ) -> list[Read]:
        """Run the net on all windows; return what ``read`` takes from its outputs, in their order.

        Args:
            windows: Of any lengths up to :attr:`room`.
            run: Asked before each layer whether to go on.
            read: Called with the net's output for a batch, a window's row in it, and the number of
                its tokens.
        """
        found: dict[int, Read] = {}
        self._run = run
        try:
            for batch in batched([len(window) for window in windows]):
                output = self._output([windows[index] for index in batch])
                for row, index in enumerate(batch):
                    found[index] = read(output, row, len(windows[index]))
        finally:
            self._run = self._focus = None
        return [found[index] for index in range(len(windows))]

    def size_bytes(self) -> int:
        """Return how much memory the weights take."""
        return checkpoints.size_bytes(self.net)

    def _output(self, batch: list[Window]) -> Any:
        """Run the net on one batch, padded at the right to the longest."""
        longest = max(len(window) for window in batch)
        fed = {
            "input_ids": _padded([window.ids for window in batch], longest, self._padding),
            "attention_mask": _padded([(1,) * len(window) for window in batch], longest, 0),
        }
        if batch[0].kinds is not None:
            kinds = [window.kinds or () for window in batch]
            fed["token_type_ids"] = _padded(kinds, longest, 0)
        focus = [window.focus for window in batch if window.focus is not None]
        self._focus = torch.tensor(focus) if focus else None
        with torch.inference_mode():
            return self.net(**fed)

    def _look(self, *_: Any) -> None:
        """Look at the clock, before each layer."""
        if self._run is not None:
            self._run.check()

    def _narrow(self, module: Any, fed: Any, output: Any) -> Any:
        """Hand on only the wanted positions: a head over a whole vocabulary costs as they are many.

        The heads of masked language models read each position by itself.
        """
        if self._focus is not None:
            hidden = output.last_hidden_state  # (B, T, C)
            rows = torch.arange(len(hidden))
            output.last_hidden_state = hidden[rows, self._focus][:, None]  # (B, 1, C)
        return output


def batched(lengths: list[int]) -> list[list[int]]:
    """Return the indices of windows in batches so that all of it costs least.

    A batch costs its rows times its longest window, and :data:`BATCH_COST`. In the order of their
    lengths neighbours belong together, so it is enough to find the best places to cut.
    """
    order = sorted(range(len(lengths)), key=lambda index: lengths[index])
    costs, cuts = [0], [0]  # by the number of windows, the shortest first: the least cost; last cut
    for end in range(1, len(order) + 1):
        longest = lengths[order[end - 1]]
        begins = [
            begin
            for begin in range(end)
            if begin == end - 1 or (end - begin) * longest <= BATCH_TOKENS
        ]
        cost, begin = min((costs[b] + (end - b) * longest + BATCH_COST, b) for b in begins)
        costs.append(cost)
        cuts.append(begin)
    batches: list[list[int]] = []
    end = len(order)
    while end:
        batches.append(order[cuts[end] : end])
        end = cuts[end]
    return batches[::-1]


def _padded(rows: list[tuple[int, ...]], longest: int, filler: int) -> torch.Tensor:
    return torch.tensor([row + (filler,) * (longest - len(row)) for row in rows])  # (B, T)


def _layers(net: Any) -> Any:
    """Return the layers of a net: its longest list of modules."""
    lists = [module for module in net.modules() if isinstance(module, torch.nn.ModuleList)]
    return max(lists, key=len, default=[])


def _room(model: Model, net: Any, tokenizer: Any) -> int:
    """Return how many tokens a net reads at once."""
    limits = [model.limits.max_input_tokens, tokenizer.model_max_length]
    for name, module in net.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            # RoBERTa and kin count positions from behind that of the padding
            limits.append(
                module.num_embeddings
                - (-1 if module.padding_idx is None else module.padding_idx)
                - 1
            )
    named = [limit for limit in limits if limit and limit < INSANE]
    return min(named, default=UNSAID)
