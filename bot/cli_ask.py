"""``python -m bot ask``: one job through the same service and executor, without Discord."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli_exit import exits
from bot.errors import OperatorError, nearest

if TYPE_CHECKING:
    from bot.config import Config
    from bot.service import Answered, Service, Submitted
    from bot.tasks.picture import Picture
    from bot.tasks.registry import AnyRequest


@exits
def ask(
    task: Annotated[str, typer.Argument(help="What to do: complete, ask, ocr, restyle, ...")],
    model: Annotated[str | None, typer.Option(help="Which model.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the task, as key=value.")
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="A text the task needs, in order.")] = None,
    file: Annotated[list[Path] | None, typer.Option(help="A file it needs, in order.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write a picture.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Annotated[Path | None, typer.Option(help="The configuration.")] = None,
) -> None:
    """Do one task without Discord: the same service, the same workers."""
    from bot import log
    from bot.config import load_config, state_folder

    loaded = load_config(config, os.environ)
    secrets = (loaded.discord.token.reveal(),)
    log.set_up("warning", loaded.log.format, state_folder(os.environ) / "logs", secrets)
    os.environ.pop("DISCORD_TOKEN", None)
    request, seed = build_request(task, _pairs(settings or []), text or [], file or [])
    _check(loaded, task, model, out)
    submitted, answered = asyncio.run(_answered(loaded, request, model, seed))
    _print(submitted, answered, out, as_json=json)


def _check(config: Config, task: str, model: str | None, out: Path | None) -> None:
    """Refuse at once what would be refused after the work."""
    from bot.catalogue.catalogue import Catalogue

    if model is not None:
        Catalogue.load(config.model).chosen(model, "--model", task)
    if out is not None and not out.absolute().parent.is_dir():
        raise OperatorError(f"--out {out}: there is no such folder.")


def build_request(
    task: str, options: dict[str, str], texts: list[str], files: list[Path]
) -> tuple[AnyRequest, int | None]:
    """Return the request that the options of the command line describe, and the seed.

    Raises:
        OperatorError: An unknown task or key, a value of the wrong type, a file too many.
    """
    import msgspec

    from bot.tasks.registry import REQUESTS

    kind = REQUESTS.get(task)
    if kind is None:
        raise OperatorError(
            f"There is no task {task!r}.{nearest(task, REQUESTS)} Tasks: {', '.join(REQUESTS)}."
        )
    seed = _seed(options.pop("seed", None))
    known = [f for f in kind.__struct_fields__ if f not in kind.file_fields]
    for key in options:
        if key not in known:
            keys = ", ".join((*known, "seed"))
            raise OperatorError(f"/{task} has no {key!r}.{nearest(key, known)} Keys: {keys}.")
    fields: dict[str, Any] = {**options, **_filled(kind.text_fields, texts, "--text")}
    fields |= _from_files(kind.text_fields, kind.file_fields, files, set(fields))
    try:
        request = msgspec.convert({"type": task, **fields}, kind, strict=False)
    except msgspec.ValidationError as error:
        raise OperatorError(f"/{task}: {error}.") from None
    return request, seed  # type: ignore[return-value]


def _seed(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or int(text) >= 2**32:
        raise OperatorError(f"--set seed={text}: a seed is a whole number from 0 to 2^32 - 1.")
    return int(text)


def _pairs(settings: list[str]) -> dict[str, str]:
    pairs = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise OperatorError(f"--set {setting!r} is not of the form key=value.")
        pairs[key] = value
    return pairs


def _filled(names: tuple[str, ...], values: list[Any], option: str) -> dict[str, Any]:
    if len(values) > len(names):
        raise OperatorError(f"{option} was given {len(values)} times; {len(names)} is the most.")
    return dict(zip(names, values, strict=False))


def _from_files(
    text_fields: tuple[str, ...], file_fields: tuple[str, ...], files: list[Path], given: set[str]
) -> dict[str, Any]:
    """Return the fields that files fill: pictures as bytes, or else texts not yet given."""
    try:
        if file_fields:
            return _filled(file_fields, [path.read_bytes() for path in files], "--file")
        free = tuple(name for name in text_fields if name not in given)
        return _filled(free, [path.read_text() for path in files], "--file")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"--file cannot be read: {error}.") from None


async def _answered(
    config: Config, request: AnyRequest, model: str | None, seed: int | None
) -> tuple[Submitted, Answered]:
    import msgspec

    from bot.application import opened

    one = msgspec.structs.replace(config.inference, workers=1, preload=())
    config = msgspec.structs.replace(config, inference=one)
    async with opened(config, dict(os.environ)) as application:
        return await _followed(application.service, request, model, seed)


async def _followed(
    service: Service, request: AnyRequest, model: str | None, seed: int | None
) -> tuple[Submitted, Answered]:
    from bot.errors import UserError
    from bot.service import Answered, Expired, Unanswered
    from bot.tasks.caller import OPERATOR
    from bot.ui.replies import late

    submitted = await service.submit(request, OPERATOR, model_id=model, seed=seed)
    async for item in submitted.news:
        if isinstance(item, Answered):
            return submitted, item
        if isinstance(item, Unanswered):
            raise item.error
        if isinstance(item, Expired):
            raise late(submitted, item)
    raise UserError("The job was cancelled.")


def _print(submitted: Submitted, answered: Answered, out: Path | None, *, as_json: bool) -> None:
    import msgspec

    from bot.tasks.picture import Picture, PicturesResult

    result = answered.result
    plain = msgspec.to_builtins(result, builtin_types=(bytes,))
    if isinstance(result, Picture):
        plain |= {"data": None, "path": _written(result, submitted, out)}
    elif isinstance(result, PicturesResult):
        several = len(result.pictures) > 1
        for number, picture in enumerate(result.pictures, 1):
            path = _written(picture, submitted, out, f"-{number}" * several)
            plain["pictures"][number - 1].update(data=None, path=path)
    for name in ("overlay", "chart"):  # what goes with a text
        if (beside := getattr(result, name, None)) is not None:
            plain[name] |= {"data": None, "path": _written(beside, submitted, out)}
    if as_json:
        shown = {
            "task": submitted.job.request.task(),
            "model": submitted.job.model.id,
            "seed": submitted.job.seed,
            "result": plain,
            "timings": msgspec.to_builtins(answered.timings),
        }
        sys.stdout.write(msgspec.json.encode(shown).decode() + "\n")
    else:
        sys.stdout.write(f"{_as_text(result, plain)}\n")


def _written(picture: Picture, submitted: Submitted, out: Path | None, which: str = "") -> str:
    """Write a picture where it is wanted, or under the job's id; return its path."""
    path = out or Path(f"{submitted.job.id}.{picture.media_type.removeprefix('image/')}")
    path = path.with_stem(path.stem + which)
    try:
        path.write_bytes(picture.data)
    except OSError as error:
        raise OperatorError(f"The picture cannot be written: {error}.") from None
    return str(path)


def _as_text(result: Any, plain: dict[str, Any]) -> str:
    """Return what a person reads: the text, the path of the picture (or both), or the titles."""
    if "path" in plain:
        return str(plain["path"])
    if "pictures" in plain:
        paths = (picture["path"] for picture in plain["pictures"])
        return "\n".join((*filter(None, [result.note]), *paths))
    for name in ("overlay", "chart"):
        if plain.get(name):
            return f"{result.text}\n{plain[name]['path']}"
    if "films" in plain:
        return "\n".join(f"{film.title} ({film.stars:.1f})" for film in result.films)
    return str(result.text)
