"""From a checkpoint's own settings for generating to how the engine's rows are sampled.

What a model was tuned to do (lengths, no repeated n-grams, forced tokens, the search's penalty) its
makers wrote down; an entry of the catalogue says only how many beams are worth the wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.decoding.sampling import Sampling
from bot.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.catalogue.model import Model

UNSAID_LENGTH = 20
"""What older checkpoints of transformers say of their length where nobody has thought of it."""

POSITIONS = ("max_position_embeddings", "max_target_positions", "n_positions")


def settings_of(net: Any, task: str = "") -> dict[str, Any]:
    """Return the checkpoint's settings, those for a task over those for all.

    Args:
        net: With a generation config and a config.
        task: The name that ``task_specific_params`` has for it, such as ``summarization``.
    """
    settings: dict[str, Any] = net.generation_config.to_dict()
    by_task = getattr(net.config, "task_specific_params", None) or {}
    return {**settings, **by_task.get(task, {})}


def sampling_of(settings: Mapping[str, Any], model: Model, seed: int, room: int) -> Sampling:
    """Return the sampling of a row that begins with the start token alone.

    transformers counts the start token among its lengths; the engine does not.

    Args:
        settings: Those of :func:`settings_of`.
        model: Its limit of new tokens holds, and its number of beams.
        seed: For completeness: without a temperature there is no chance.
        room: Positions of the decoder.
    """
    length = settings.get("max_new_tokens")
    if not length:
        longest = settings.get("max_length")
        length = longest - 1 if longest and longest != UNSAID_LENGTH else room
    most = max(1, min(length, room - 1, model.limits.max_new_tokens))
    least = max((settings.get("min_length") or 0) - 1, settings.get("min_new_tokens") or 0)
    bad = settings.get("bad_words_ids") or []
    return Sampling(
        max_new_tokens=most,
        min_new_tokens=min(least, most - 1),
        repetition_penalty=settings.get("repetition_penalty") or 1.0,
        no_repeat_ngram=settings.get("no_repeat_ngram_size") or 0,
        suppress=tuple({*(words[0] for words in bad if len(words) == 1), *_suppressed(settings)}),
        forced_first=_first(settings.get("forced_bos_token_id")),
        forced_last=_first(settings.get("forced_eos_token_id")),
        beams=model.defaults.beams,
        length_penalty=1.0 if (penalty := settings.get("length_penalty")) is None else penalty,
        early_stopping=settings.get("early_stopping") is True,
        seed=seed,
    )


def start_of(net: Any) -> int:
    """Return the token that the decoder begins with.

    Raises:
        OperatorError: The checkpoint names none.
    """
    named = (
        getattr(config, "decoder_start_token_id", None)
        for config in (net.generation_config, net.config, getattr(net.config, "decoder", None))
    )
    start = next((token for token in named if token is not None), None)
    if start is None:
        raise OperatorError(
            f"The checkpoint of {net.config.model_type} names no decoder_start_token_id. "
            "Write it into its config.json."
        )
    return int(start)


def ends_of(net: Any, tokenizer: Any) -> frozenset[int]:
    """Return every id that ends a text, by the checkpoint's settings and its tokenizer."""
    named = net.generation_config.eos_token_id
    if named is None:
        decoder = getattr(net.config, "decoder", None)
        named = getattr(decoder, "eos_token_id", None) or tokenizer.eos_token_id
        named = tokenizer.sep_token_id if named is None else named
    ids = named if isinstance(named, list) else [named]
    return frozenset(i for i in ids if i is not None)


def positions_of(config: Any, unsaid: int) -> int:
    """Return how many positions a net has, or ``unsaid`` where it knows none."""
    named = (getattr(config, name, None) for name in POSITIONS)
    return next((int(positions) for positions in named if positions), unsaid)


def _suppressed(settings: Mapping[str, Any]) -> list[int]:
    return list(settings.get("suppress_tokens") or [])


def _first(ids: Any) -> int | None:
    """Return a forced token; where there are several, the first."""
    first: int | None = ids[0] if isinstance(ids, list) else ids
    return first
