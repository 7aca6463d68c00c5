"""From tokens to text that may be shown: no half characters, no half stop strings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizers.decoders import DecodeStream

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class GrowingText:
    """A row's text, token by token.

    What :meth:`shown` returns only ever grows: bytes that don't yet make a character and text that
    may become a stop string are held back until it is known what they are.

    Args:
        prompt: The ids that come before: in some vocabularies they decide on the first space.
    """

    def __init__(
        self, tokenizer: Tokenizer, stop: tuple[str, ...] = (), prompt: tuple[int, ...] = ()
    ) -> None:
        self._tokenizer = tokenizer
        self._stream = DecodeStream(ids=list(prompt), skip_special_tokens=True)
        self._stop = stop
        self._text = ""
        self.stopped = False

    def add(self, token: int) -> None:
        """Take one more token; :attr:`stopped` becomes true when a stop string is complete."""
        piece = self._decoded(token)
        if not piece:
            return
        self._text += piece
        ends = [at for stop in self._stop if (at := self._text.find(stop)) >= 0]
        if ends:
            self._text = self._text[: min(ends)]
            self.stopped = True

    def _decoded(self, token: int) -> str | None:
        try:
            return self._stream.step(self._tokenizer, token)
        except Exception:  # bytes that unmake a character; tokenizers raises nothing narrower
            self._stream = DecodeStream(skip_special_tokens=True)
            return self._stream.step(self._tokenizer, token)

    def shown(self) -> str:
        """Return the text so far without a tail that may still become a stop string."""
        if self.stopped:
            return self._text
        return self._text[: len(self._text) - held_back(self._text, self._stop)]

    def whole(self) -> str:
        """Return all of the text, once no more tokens will come."""
        return self._text


def held_back(text: str, stop: tuple[str, ...]) -> int:
    """Return the length of the longest end of ``text`` that begins one of the stop strings."""
    longest = max((len(word) for word in stop), default=0)
    for length in range(min(longest - 1, len(text)), 0, -1):
        if any(word.startswith(text[-length:]) for word in stop):
            return length
    return 0
