"""The decoding engine: rows of text that grow token by token. Worker side only."""
