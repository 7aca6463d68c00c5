"""Answers that come late, in private, or are asked about: by a clock that tests advance."""
