"""What those who run the bot may have done while it runs: the catalogue read again, all looked at.

Knows nothing of Discord. What goes wrong is told without the machine's paths: others may look over
an operator's shoulder.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.entries import read_anew
from bot.catalogue.lines import located
from bot.config import cache_folder, state_folder
from bot.errors import OperatorError, UserError
from bot.tasks.registry import REQUESTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Literal

    from bot.catalogue.model import Model
    from bot.config import Config
    from bot.doctor import Finding

PATH = re.compile(r"(?<![\w/:.])(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\:;,)]+[/\\])+([^\s/\\:;,)]*)")

log = structlog.get_logger("upkeep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Ids of the models that came, changed and went when the catalogue was read again.

    ``chosen`` says that other models are wanted by default or at the start, and ``later`` are the
    tables of the configuration that have changed and count after a restart.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    chosen: bool = False
    later: tuple[str, ...] = ()


class Upkeep:
    """Looks after a bot that runs.

    Args:
        config: What it was started with.
        environ: The environment that names its folders.
        catalogue: The one that everybody looks into.
        reread: Reads the configuration again; ``None`` where there is none to be read.
        follow: Told the entries that came, changed (as they are now) and went (``None``), and the
            configuration that counts from now on.
        workers: How many workers are up.
    """

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        catalogue: Catalogue,
        *,
        reread: Callable[[], Config] | None,
        follow: Callable[[Mapping[str, Model | None], Config], None],
        workers: Callable[[], int],
    ) -> None:
        self._config = config
        self._environ = environ
        self._catalogue = catalogue
        self._reread = reread
        self._follow = follow
        self._workers = workers
        self._one_at_a_time = asyncio.Lock()

    async def reload_catalogue(self) -> Changes:
        """Read the catalogue's tables again, and the choices; use them if all of them are right.

        Jobs under way keep the entry that they began with.

        Raises:
            OperatorError: They are not, and why; everything stays as it was.
            UserError: There is no file to be read.
        """
        if self._reread is None:
            raise UserError("This bot was started without a configuration that can be read again.")
        async with self._one_at_a_time:
            config, fresh = await asyncio.to_thread(_fresh, self._reread)
            before = {model.id: model for model in self._catalogue}
            after = {model.id: model for model in fresh}
            changes = Changes(
                added=tuple(id for id in after if id not in before),
                changed=tuple(id for id in after if id in before and after[id] != before[id]),
                removed=tuple(id for id in before if id not in after),
            )
            followed = _followed(self._config, config)
            changes = replace(
                changes,
                chosen=_choices(followed) != _choices(self._config),
                later=_unfollowed(followed, config),
            )
            self._catalogue.become(fresh)
            self._config = followed
            touched = (*changes.added, *changes.changed, *changes.removed)
            self._follow({id: after.get(id) for id in touched}, followed)
        log.info("catalogue read again", **asdict(changes))
        return changes

    async def findings(self) -> list[Finding]:
        """Look at everything that ``bot doctor`` looks at; of the workers, at those that run."""
        from bot.doctor import Finding, standing

        async with self._one_at_a_time:  # it reads every file of every checkpoint
            found = await asyncio.to_thread(standing, self._config, self._environ)
        up, wanted = self._workers(), self._config.inference.chosen_workers()
        state: Literal["good", "fair", "bad"]
        state = "good" if up == wanted else "fair" if up else "bad"
        found.append(Finding("workers", state, f"{up} of {wanted} are up"))
        folders = cache_folder(self._environ), state_folder(self._environ)
        return [replace(one, text=without_paths(one.text, folders)) for one in found]


def without_paths(text: str, folders: Iterable[Path] = ()) -> str:
    """Return a text with the last part only of every path of this machine in it.

    Paths are found by their form, and ``folders`` whatever theirs is.
    """
    for folder in folders:
        text = text.replace(str(folder), folder.name)
    return PATH.sub(lambda found: found[1] or "…", text)


def _followed(before: Config, fresh: Config) -> Config:
    """Return what counts now: of the fresh configuration, the models and the choice of them."""
    inference = msgspec.structs.replace(before.inference, preload=fresh.inference.preload)
    return msgspec.structs.replace(
        before, model=fresh.model, defaults=fresh.defaults, inference=inference
    )


def _choices(config: Config) -> tuple[object, ...]:
    return config.defaults, config.inference.preload


def _unfollowed(followed: Config, fresh: Config) -> tuple[str, ...]:
    """Return the names of the tables that differ, and count after a restart."""
    names = type(fresh).__struct_fields__
    return tuple(name for name in names if getattr(followed, name) != getattr(fresh, name))


def _fresh(reread: Callable[[], Config]) -> tuple[Config, Catalogue]:
    """Return the configuration as it stands, and the packaged tables as it changes them.

    Raises:
        OperatorError: A bot could not be started with them; where and why.
    """
    read_anew()
    try:
        config = reread()
        return config, _checked(config)
    except OperatorError as error:
        raise OperatorError(without_paths(located(str(error)))) from None


def _checked(config: Config) -> Catalogue:
    """Return the catalogue of a configuration, if a bot could be started with it."""
    fresh = Catalogue.load(config.model)
    choices = {task: config.defaults.for_task(task) for task in REQUESTS}
    fresh.check_choices(choices, config.inference.preload, "the configuration")
    fresh.check_licences(config.licences.accepted, "the configuration")
    return fresh
