"""How commands of the command line end: 0 all went well, 1 something is not right, 2 mend this.

A job that fails or is refused ends with 1; an operator's mistake (an unknown task, key, model or
file, a configuration that cannot be read) with 2.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from bot.errors import InferenceError, OperatorError, UserError

P = ParamSpec("P")
R = TypeVar("R")

NOT_RIGHT = 1
MEND_THIS = 2
INTERRUPTED = 130


def exits(command: Callable[P, R]) -> Callable[P, R]:
    """Make a command print on standard error what went wrong, and exit accordingly."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except OperatorError as error:
            sys.stderr.write(f"{error}\n")
            raise SystemExit(MEND_THIS) from None
        except UserError as error:
            sys.stderr.write(f"{error}\n")
            raise SystemExit(NOT_RIGHT) from None
        except InferenceError as error:
            sys.stderr.write(f"The model failed: {error}\n")
            raise SystemExit(NOT_RIGHT) from None
        except KeyboardInterrupt:
            sys.stderr.write("Interrupted.\n")
            raise SystemExit(INTERRUPTED) from None

    return wrapped
