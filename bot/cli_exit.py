"""How commands of the command line end: 0 all went well, 1 something is not right, 2 mend this."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from bot.errors import OperatorError, UserError

P = ParamSpec("P")
R = TypeVar("R")

NOT_RIGHT = 1
MEND_THIS = 2
INTERRUPTED = 130


def exits(command: Callable[P, R]) -> Callable[P, R]:
    """Make a command print what an operator can mend on standard error, and exit with 2."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (OperatorError, UserError) as error:
            sys.stderr.write(f"{error}\n")
            raise SystemExit(MEND_THIS) from None
        except KeyboardInterrupt:
            sys.stderr.write("Interrupted.\n")
            raise SystemExit(INTERRUPTED) from None

    return wrapped
