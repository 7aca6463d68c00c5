"""The LitServe rival's server: ``python -m contest.litserve_server FOLDER PORT BATCH``."""

import sys
from typing import Any

import litserve
from fastapi import Request

BATCH_TIMEOUT_S = 0.02
REQUEST_TIMEOUT_S = 600


class Continuations(litserve.LitAPI):
    """Continues texts, as many at once as wait, up to the batch."""

    folder = ""

    def setup(self, device: str) -> None:
        """Load the checkpoint."""
        from .rivals_torch import load_padding

        self._net, self._tokenizer = load_padding(self.folder)

    def decode_request(self, request: Request) -> tuple[str, int]:
        """Return the prompt and how many tokens are wanted.

        LitServe reads the annotation, to know what to read off the wire, and then gives a dict.
        """
        body: Any = request
        return body["prompt"], body["new_tokens"]

    def predict(self, inputs: list[tuple[str, int]]) -> list[str]:
        """Continue a batch."""
        from .rivals_torch import generate_padded

        texts, wanted = [text for text, _ in inputs], [most for _, most in inputs]
        return generate_padded(self._net, self._tokenizer, texts, wanted, lambda: None)

    def encode_response(self, output: str) -> dict[str, str]:
        """Return the new text."""
        return {"text": output}


def main(folder: str, port: int, batch: int) -> None:
    """Serve until told to stop."""
    api = Continuations(max_batch_size=batch, batch_timeout=BATCH_TIMEOUT_S)
    api.folder = folder
    server = litserve.LitServer(api, accelerator="cpu", devices=1, timeout=REQUEST_TIMEOUT_S)
    server.run(host="127.0.0.1", port=port, log_level="error", generate_client_file=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
