"""The configuration: one TOML file, read once, passed on.

Every key has a default and a line that explains it; ``config.example.toml`` is made from them by
:mod:`bot.config_example`. The Discord token in the environment wins over the one in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import msgspec
from msgspec import Meta

from bot import machine
from bot.catalogue.entries import merged_models
from bot.catalogue.model import Model
from bot.tables import read_toml, to_struct

DEFAULT_FILE = Path("config.toml")
MEMORY_SHARE = 0.6
MASK = "********"

Count = Annotated[int, Meta(ge=0)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
Seconds = Annotated[float, Meta(ge=0.0)]


class Secret:
    """A text that is never printed: whoever needs it calls :meth:`reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text.strip()

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"

    def __str__(self) -> str:
        return MASK if self else ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


class Discord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The connection to Discord."""

    token: Annotated[
        Secret, Meta(description="The bot's token; DISCORD_TOKEN in the environment wins over it.")
    ] = Secret()
    test_guild: Annotated[
        Count, Meta(description="Offer the commands to this server only, by its id; 0: to all.")
    ] = 0
    operators: Annotated[
        tuple[Annotated[int, Meta(ge=1)], ...],
        Meta(description="Ids of people who may fetch models, beside the application's owners."),
    ] = ()


class Playground(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Discord of our own, on this machine."""

    port: Annotated[Port, Meta(description="Where its page opens; 0: any free port.")] = 8_800


class Inference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The processes that run the models, and the queue before them."""

    workers: Annotated[
        Count, Meta(description="Worker processes; 0: two, or one on a machine with one core.")
    ] = 0
    threads: Annotated[
        Count,
        Meta(description="Threads of each worker; 0: the cores, shared out among those at work."),
    ] = 0
    give_way: Annotated[
        bool,
        Meta(description="Shared cores: use fewer threads while other programs want them too."),
    ] = True
    runtime: Annotated[
        Literal["auto", "torch", "openvino"],
        Meta(description="What writes texts: torch, openvino where a model allows it, or auto."),
    ] = "auto"
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "int8"],
        Meta(description="How it computes: auto is the fastest that reads as well, as measured."),
    ] = "auto"
    memory_budget_mb: Annotated[
        Count,
        Meta(
            description="Megabytes for the weights of all models; 0: 60 % of the memory there is."
        ),
    ] = 0
    queue_size: Annotated[
        int, Meta(ge=1, description="Jobs that may wait; more are refused with the time to return.")
    ] = 200
    jobs_per_member: Annotated[
        int, Meta(ge=1, description="Jobs that one member may have waiting or running at once.")
    ] = 5
    jobs_per_guild: Annotated[
        int, Meta(ge=1, description="Jobs that one server may have waiting or running at once.")
    ] = 50
    kill_grace_s: Annotated[
        Seconds, Meta(description="Seconds that a cancelled job has to stop before it is killed.")
    ] = 2.0
    silence_s: Annotated[
        Seconds, Meta(description="Seconds without a sign of life after which a worker is killed.")
    ] = 15.0
    drain_s: Annotated[
        Seconds, Meta(description="Seconds that running jobs have to finish when the bot stops.")
    ] = 20.0
    idle_unload_s: Annotated[
        Seconds, Meta(description="Seconds after which an unused model is unloaded; 0: never.")
    ] = 1800.0
    pin: Annotated[
        tuple[str, ...], Meta(description="Ids of models that stay loaded once they are.")
    ] = ()
    preload: Annotated[
        tuple[str, ...], Meta(description="Ids of models to load at the start.")
    ] = ()

    def chosen_workers(self, cores: int | None = None) -> int:
        """Return the number of workers: as configured, or from the cores."""
        return self.workers or max(1, min(2, cores or machine.cores()))

    def chosen_threads(self, cores: int | None = None) -> int:
        """Return the most threads of a worker: as configured, or the cores, if it works alone."""
        return self.threads or cores or machine.cores()

    def cores_to_lend(self) -> int:
        """Return the cores that workers share out as they are at work; 0 where each has its own."""
        return 0 if self.threads else machine.cores()

    def chosen_share_bytes(self, cores: int | None = None) -> int:
        """Return what one model may take of one worker's memory beside the weights themselves.

        That is what a copy of the weights in a faster layout may take, and the texts under way.
        """
        share = self.chosen_memory_mb() // 4 // self.chosen_workers(cores)
        return share * machine.MEGABYTE

    def chosen_memory_mb(self) -> int:
        """Return the megabytes for weights: as configured, or a share of the memory."""
        return self.memory_budget_mb or int(machine.memory_mb() * MEMORY_SHARE)


class Metrics(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Numbers for Prometheus."""

    host: Annotated[str, Meta(description="The address that /metrics listens on.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Its port; 0: off.")] = 0


class Log(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged, and in which form."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least that is logged: debug, info, warning or error."),
    ] = "info"
    format: Annotated[
        Literal["console", "json"], Meta(description="For people: console; for machines: json.")
    ] = "console"


class Licences(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Licences that you accept for everybody who uses the bot."""

    accepted: Annotated[
        tuple[str, ...], Meta(description="Names that models ask for as `acknowledge`, as opt.")
    ] = ()


class Fairness(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of the machine one member, and one server, may use."""

    member_seconds_per_day: Annotated[
        Seconds, Meta(description="Seconds of computing for each member in 24 hours; 0: no limit.")
    ] = 0.0
    guild_seconds_per_day: Annotated[
        Seconds, Meta(description="Seconds of computing for each server in 24 hours; 0: no limit.")
    ] = 0.0
    cooldown_s: Annotated[
        Seconds, Meta(description="Seconds between two uses of one command by one member; 0: none.")
    ] = 0.0


class Privacy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is remembered of people."""

    keep_days: Annotated[
        int,
        Meta(ge=0, le=3650, description="Days for which requests are kept, so that buttons work."),
    ] = 30


class TaskModels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The model of each task where a person names none; empty: the catalogue's choice."""

    complete: Annotated[str, Meta(description="Continues a text.")] = ""
    fill: Annotated[str, Meta(description="Fills a hole in a text.")] = ""
    summarize: Annotated[str, Meta(description="Makes a long text short.")] = ""
    translate: Annotated[str, Meta(description="Translates a text.")] = ""
    ask: Annotated[str, Meta(description="Answers a question.")] = ""
    sentiment: Annotated[str, Meta(description="Says whether a text sounds pleased.")] = ""
    imagine: Annotated[str, Meta(description="Draws what a sentence describes.")] = ""
    conjure: Annotated[str, Meta(description="Draws a thing by its name.")] = ""
    ocr: Annotated[str, Meta(description="Reads the text in a picture.")] = ""
    describe: Annotated[str, Meta(description="Says what a picture shows.")] = ""
    restyle: Annotated[str, Meta(description="Repaints a picture in a style.")] = ""
    recommend: Annotated[str, Meta(description="Recommends films.")] = ""

    def for_task(self, task: str) -> str:
        """Return the model chosen for a task, or an empty string."""
        return str(getattr(self, task, ""))


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that an operator can set.

    ``model`` holds the entries that the file adds to the catalogue, or changes there, whole.
    """

    discord: Annotated[Discord, Meta(description="The connection to Discord.")] = Discord()
    playground: Annotated[
        Playground, Meta(description="The Discord of our own, on this machine.")
    ] = Playground()
    inference: Annotated[Inference, Meta(description="The processes that run the models.")] = (
        Inference()
    )
    metrics: Annotated[Metrics, Meta(description="Numbers for Prometheus.")] = Metrics()
    log: Annotated[Log, Meta(description="What is logged, and in which form.")] = Log()
    defaults: Annotated[
        TaskModels, Meta(description="The model of each task; empty: the catalogue's choice.")
    ] = TaskModels()
    licences: Annotated[
        Licences, Meta(description="Licences that you accept for everybody who uses the bot.")
    ] = Licences()
    fairness: Annotated[
        Fairness, Meta(description="How much of the machine one member, and one server, may use.")
    ] = Fairness()
    privacy: Annotated[Privacy, Meta(description="What is remembered of people.")] = Privacy()
    model: Annotated[
        tuple[Model, ...], Meta(description="Models that you add, or change by their id.")
    ] = ()


def load_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read the configuration from ``path``, or from ./config.toml where there is one.

    Raises :class:`OperatorError` naming file, table, key, the wanted type and the nearest key.
    """
    if path is None:
        path = DEFAULT_FILE if DEFAULT_FILE.is_file() else None
    config = Config() if path is None else _read(path)
    token = Secret(environ.get("DISCORD_TOKEN", ""))
    if not token:
        return config
    return msgspec.structs.replace(
        config, discord=msgspec.structs.replace(config.discord, token=token)
    )


def masked(config: Config) -> dict[str, Any]:
    """Return the configuration as plain values, the token hidden, for ``bot config``."""
    plain: dict[str, Any] = msgspec.to_builtins(config, enc_hook=str)
    return plain


def state_folder(environ: Mapping[str, str]) -> Path:
    """Return where the bot keeps what must not be lost: MENAGERIE_STATE, or the user's folder."""
    if named := environ.get("MENAGERIE_STATE"):
        return Path(named).expanduser()
    from platformdirs import user_state_path

    return user_state_path("menagerie")


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return where checkpoints lie: MENAGERIE_CACHE, or the user's folder."""
    if named := environ.get("MENAGERIE_CACHE"):
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("menagerie")


def _read(path: Path) -> Config:
    tables = read_toml(path)
    models = tables.pop("model", [])
    config = to_struct(tables, Config, str(path))
    return msgspec.structs.replace(
        config, model=merged_models(models, str(path), path.parent.absolute())
    )
