"""Turns the SavedModel of keras-io/recommender-transformers into safetensors, without TensorFlow.

Three things are read: the variables (:mod:`bot.catalogue.bundles`); of ``keras_metadata.pb`` the
JSON in which Keras describes its layers; and there, because they are no variables, the films'
numbers (the vocabulary of a StringLookup) and the positions (a constant that is added to the films'
embeddings). Which variable is which is told by the order of the layers and held against the shapes
and the names that Keras gave them.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from bot.catalogue.bundles import Bundle, fields, messages, number
from bot.catalogue.films import MOVIES, MOVIES_CSV, RATINGS, KnownFilm, write_films
from bot.errors import OperatorError

Floats = NDArray[np.float32]

OUTPUT, SETTINGS = "model.safetensors", "config.json"
METADATA = "keras_metadata.pb"
VARIABLES = Path("variables", "variables")

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
LAYER = re.compile(r"layer_with_weights-(\d+)/([a-z_]+)")
NOT_OF_THE_NET = (".OPTIMIZER_SLOT", "optimizer/", "keras_api/", "save_counter")
PREFIX = "movie_"  # of a film's number in the vocabulary

KINDS = {
    frozenset({"embeddings"}): "embedding",
    frozenset({"kernel", "bias"}): "dense",
    frozenset({"gamma", "beta"}): "norm",
    frozenset({"gamma", "beta", "moving_mean", "moving_variance"}): "batch norm",
}
HEAD, TAIL = ["embedding", "norm", "dense", "norm"], ["dense", "batch norm"]
ATTENTION = tuple(
    f"{part}/{kind}"
    for part in ("query", "key", "value", "attention_output")
    for kind in ("kernel", "bias")
)
"""The attention's variables in the order in which Keras makes them."""

EPSILON, SLOPE = 1e-3, 0.3  # what bot.nets.behaviour reckons with


def convert(files: list[Path], folder: Path, dtype: str) -> None:
    """Write the net, its shapes and its films into ``folder``.

    ``model.safetensors`` has the names of :class:`bot.nets.recommender.Recommender`. Titles and
    ratings of MovieLens that lie beside the SavedModel come along.

    Raises:
        OperatorError: A file is absent, damaged, or of another net.
    """
    if len(files) != 1:
        raise OperatorError(f"A SavedModel is one saved_model.pb; here are {len(files)}.")
    if dtype != "float32":
        raise OperatorError("This net is so small that it is written in float32 only.")
    (source,) = files
    _check_schema(source)
    layers = _described_layers(source.with_name(METADATA))
    bundle = Bundle(source.parent / VARIABLES)
    variables = _Variables(bundle)
    films, positions = _vocabulary(layers), _positions(layers)
    _check_constants(layers)
    tensors = variables.tensors(positions)
    count, width = tensors["films.weight"].shape
    if count != len(films):
        raise OperatorError(f"{source}: it has {count} embeddings for {len(films)} films.")
    trained = variables.trained_rows()
    named = {f"sequence.{name}": array for name, array in tensors.items()}
    save_file(named, folder / OUTPUT, {"format": "pt", "converted_from": source.name})
    settings = {
        "films": count,
        "width": width,
        "heads": tensors["attention.queries.weight"].shape[0] // width,
        "history": len(positions),
        "hidden": [len(tensors[f"layers.{place}.dense.bias"]) for place in range(variables.hidden)],
        "whole_history": True,
    }
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    known = (KnownFilm(id=film, trained=seen) for film, seen in zip(films, trained, strict=True))
    write_films(known, folder)
    for name in (MOVIES, MOVIES_CSV, RATINGS):
        if source.with_name(name).is_file():
            shutil.copyfile(source.with_name(name), folder / name)


class _Variables:
    """The variables of the net, known by the order of its layers.

    Raises:
        OperatorError: The layers are not those of this net.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        keys = [
            key.removesuffix(VALUE)
            for key in bundle.entries
            if key.endswith(VALUE) and not any(part in key for part in NOT_OF_THE_NET)
        ]
        layers: dict[int, dict[str, str]] = {}
        others = []
        for key in keys:
            if found := LAYER.fullmatch(key):
                layers.setdefault(int(found[1]), {})[found[2]] = key
            else:
                others.append(key)
        self._layers = [layers[place] for place in sorted(layers)]
        self._attention = self._by_role(others)
        kinds = [KINDS.get(frozenset(layer), "unknown") for layer in self._layers]
        self.hidden = (len(kinds) - len(HEAD) - 1) // 2
        if kinds != HEAD + TAIL * self.hidden + ["dense"]:
            raise OperatorError(
                "This SavedModel is another net than keras-io/recommender-transformers: its layers "
                f"with weights are {', '.join(kinds)}."
            )

    def tensors(self, positions: Floats) -> dict[str, Floats]:
        """Return the tensors of our net by our names, each of the shape that it must have."""
        embedding, norm_1, dense, norm_2, *rest = self._layers
        films = self._read(embedding["embeddings"], (None, positions.shape[1]))
        width = films.shape[1]
        tensors = {"films.weight": films, "positions": positions}
        tensors |= self._attention_tensors(width)
        tensors |= self._norm("norm_1", norm_1, width) | self._norm("norm_2", norm_2, width)
        tensors |= self._dense("dense", dense, width, width)
        inside = (len(positions) + 1) * width
        for place in range(self.hidden):
            name, layer, norm = f"layers.{place}", rest[2 * place], rest[2 * place + 1]
            tensors |= self._dense(f"{name}.dense", layer, inside)
            inside = len(tensors[f"{name}.dense.bias"])
            tensors |= self._norm(f"{name}.norm", norm, inside)
        tensors |= self._dense("stars", rest[-1], inside, 1)
        return {name: np.ascontiguousarray(array) for name, array in tensors.items()}

    def trained_rows(self) -> list[bool]:
        """Say for each film whether any rating of it was seen in training.

        Told by what the optimizer kept: sums of squared gradients, which only grow from one first
        value. Without them, every film counts as seen.
        """
        shape = self._bundle.entries[self._layers[0]["embeddings"] + VALUE].shape
        sums = [
            self._array(key)
            for key, entry in self._bundle.entries.items()
            if entry.shape == shape and any(part in key for part in NOT_OF_THE_NET)
        ]
        if len(sums) != 1 or sums[0].min() < 0:
            return [True] * shape[0]
        return [bool(seen) for seen in (sums[0] != sums[0].min()).any(1)]

    def _attention_tensors(self, width: int) -> dict[str, Floats]:
        heads = self._read(self._attention["query/bias"], (None, width)).shape[0]
        wide = heads * width
        tensors = {}
        for ours, theirs in (("queries", "query"), ("keys", "key"), ("values", "value")):
            kernel = self._read(self._attention[f"{theirs}/kernel"], (width, heads, width))
            bias = self._read(self._attention[f"{theirs}/bias"], (heads, width))
            tensors[f"attention.{ours}.weight"] = kernel.reshape(width, wide).T
            tensors[f"attention.{ours}.bias"] = bias.reshape(wide)
        kernel = self._read(self._attention["attention_output/kernel"], (heads, width, width))
        tensors["attention.out.weight"] = kernel.reshape(wide, width).T
        tensors["attention.out.bias"] = self._read(
            self._attention["attention_output/bias"], (width,)
        )
        return tensors

    def _dense(
        self, name: str, layer: Mapping[str, str], inside: int, outside: int | None = None
    ) -> dict[str, Floats]:
        kernel = self._read(layer["kernel"], (inside, outside))
        bias = self._read(layer["bias"], (kernel.shape[1],))
        return {f"{name}.weight": kernel.T, f"{name}.bias": bias}

    def _norm(self, name: str, layer: Mapping[str, str], width: int) -> dict[str, Floats]:
        ours = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean"}
        ours["moving_variance"] = "running_var"
        tensors = {f"{name}.{ours[part]}": self._read(key, (width,)) for part, key in layer.items()}
        if "moving_mean" in layer:
            tensors[f"{name}.num_batches_tracked"] = np.zeros((), np.int64)
        return tensors

    def _read(self, key: str, shape: tuple[int | None, ...]) -> Floats:
        array = self._array(key + VALUE)
        fits = len(array.shape) == len(shape) and all(
            wanted in (None, side) for wanted, side in zip(shape, array.shape, strict=True)
        )
        if not fits or not np.isfinite(array).all():
            wanted = ", ".join("any" if side is None else str(side) for side in shape)
            raise OperatorError(
                f"The variable {key} is {array.shape} or holds no numbers; ({wanted}) is wanted."
            )
        return array

    def _array(self, key: str) -> Floats:
        data, shape = self._bundle.floats(key)
        array: Floats = np.frombuffer(data, "<f4").reshape(shape).astype(np.float32)
        return array

    def _by_role(self, keys: list[str]) -> dict[str, str]:
        """Return the attention's variables by role, from their order; their names must agree."""
        ordered = sorted(keys, key=lambda key: [int(part) for part in re.findall(r"\d+", key)])
        names = _given_names(self._bundle)
        roles: dict[str, str] = {}
        for place, key in enumerate(ordered):
            by_order = ATTENTION[place] if place < len(ATTENTION) else ""
            given = "/".join(names.get(key, by_order).split("/")[-2:])
            roles[given] = key
        if set(roles) != set(ATTENTION) or len(keys) != len(ATTENTION):
            raise OperatorError(
                "This SavedModel has no attention as keras-io/recommender-transformers has it: its "
                f"variables beside the layers are {', '.join(ordered) or 'none'}."
            )
        return roles


def _given_names(bundle: Bundle) -> dict[str, str]:
    """Return the names that Keras gave its variables, such as "attention/query/kernel", by key."""
    if GRAPH not in bundle.entries:
        return {}
    names = {}
    try:
        for node in messages(fields(bundle.text(GRAPH)), 1):
            for attribute in messages(fields(node), 2):
                found = fields(attribute)
                name, key = (b"".join(messages(found, field)).decode() for field in (2, 3))
                if name:
                    names[key.removesuffix(VALUE)] = name
    except (ValueError, IndexError) as error:
        raise OperatorError(f"The objects of this SavedModel cannot be read: {error}.") from error
    return names


def _check_schema(source: Path) -> None:
    """Refuse a file that is no SavedModel, or broken off."""
    try:
        version = number(fields(source.read_bytes()), 1)
    except (OSError, ValueError, IndexError) as error:
        raise OperatorError(f"{source}: this is no SavedModel, or damaged: {error}.") from error
    if version != 1:
        raise OperatorError(f"{source}: this is a SavedModel of version {version}, not 1.")


def _described_layers(path: Path) -> list[dict[str, Any]]:
    """Return what Keras says of the layers of the whole net."""
    try:
        for node in messages(fields(path.read_bytes()), 1):
            found = fields(node)
            if b"".join(messages(found, 3)) == b"root":
                root = json.loads(b"".join(messages(found, 5)))
                return [layer for layer in root["config"]["layers"] if isinstance(layer, dict)]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise OperatorError(f"{path}: Keras' description cannot be read: {error}.") from error
    raise OperatorError(f"{path}: Keras' description of the net is not in it.")


def _of_class(layers: list[dict[str, Any]], name: str) -> Iterator[dict[str, Any]]:
    return (layer.get("config", {}) for layer in layers if layer.get("class_name") == name)


def _vocabulary(layers: list[dict[str, Any]]) -> list[str]:
    """Return MovieLens' numbers of the films in the order of their embeddings."""
    for lookup in _of_class(layers, "StringLookup"):
        words = lookup.get("vocabulary")
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            continue
        if words and words[0].startswith(PREFIX):
            if lookup.get("num_oov_indices") or lookup.get("mask_token") is not None:
                raise OperatorError("The films of this SavedModel do not begin at number 0.")
            return [word.removeprefix(PREFIX) for word in words]
    raise OperatorError(f"{METADATA}: the list of films, {PREFIX}1 and on, is not in it.")


def _positions(layers: list[dict[str, Any]]) -> Floats:
    """Return the constant that is added to the embeddings of the rated films, (history, width)."""
    for layer in layers:
        if layer.get("class_name") in ("TFOpLambda", "TensorFlowOpLayer"):
            for value in _constants(layer.get("inbound_nodes")):
                return value
    raise OperatorError(f"{METADATA}: the positions, a constant table, are not in it.")


def _constants(value: Any) -> Iterator[Floats]:
    """Yield the tables of numbers somewhere inside a value."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _constants(inner)
    elif isinstance(value, list):
        rows = [row for row in value if isinstance(row, list) and row]
        numbers = all(isinstance(cell, float) for row in rows for cell in row)
        if rows and len(rows) == len(value) and numbers and len({len(row) for row in rows}) == 1:
            yield np.array(value, np.float32)
        else:
            for inner in value:
                yield from _constants(inner)


def _check_constants(layers: list[dict[str, Any]]) -> None:
    """Refuse a net that reckons otherwise than ours, with the same weights."""
    wanted = (
        ("LayerNormalization", "epsilon", EPSILON),
        ("BatchNormalization", "epsilon", EPSILON),
        ("LeakyReLU", "alpha", SLOPE),
    )
    for kind, key, value in wanted:
        for config in _of_class(layers, kind):
            if abs(float(config.get(key, value)) - value) > 1e-6:
                raise OperatorError(
                    f"This SavedModel has a {kind} with {key} {config[key]}; {value} is wanted."
                )
