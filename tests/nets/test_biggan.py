"""BigGAN-deep against pytorch-pretrained-biggan, whose authors held it against the original."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from bot.catalogue.conversion.biggan import convert, read_config
from bot.catalogue.synthetic import biggan as synthetic
from bot.nets.biggan import Config, Convolution, Generator, Stage, doubling

CLASSES = (1, 207, 999)


def judged(folder: Path) -> Any:
    """Return the judge with the weights of a repository's files."""
    judge = pytest.importorskip("pytorch_pretrained_biggan", reason="the judge: make judges")
    net = judge.BigGAN(judge.BigGANConfig.from_json_file(str(folder / "config.json")))
    net.load_state_dict(torch.load(folder / "pytorch_model.bin", weights_only=True))
    return net.eval().requires_grad_(requires_grad=False)


def ours(repository: Path, folder: Path, dtype: str = "float32") -> Generator:
    """Return our net with the weights of a repository's files."""
    convert([repository / "pytorch_model.bin"], folder, dtype)
    with torch.device("meta"):
        net = Generator(read_config(folder / "config.json"))
    net.load_state_dict(load_file(folder / "model.safetensors"), assign=True)
    return net.eval().requires_grad_(requires_grad=False)


def noises(length: int, truncation: float, seed: int = 0) -> Tensor:
    """Return noise for each of the classes, (3, length)."""
    luck = torch.Generator().manual_seed(seed)
    drawn = torch.empty(len(CLASSES), length)
    return torch.nn.init.trunc_normal_(drawn, a=-2, b=2, generator=luck) * truncation


def drawn(net: Generator, noise: Tensor, truncation: float) -> Tensor:
    """Draw each class with its noise, (3, 3, side, side)."""
    step = net.config.step(truncation)
    rows = zip(noise, CLASSES, strict=True)
    return torch.stack([net(row, net.kind([number]), step) for row, number in rows])


def drawn_by(judge: Any, noise: Tensor, truncation: float) -> Tensor:
    """Let the judge draw the same, as one batch."""
    one_hot = F.one_hot(torch.tensor(CLASSES), judge.config.num_classes).float()
    return (judge(noise, one_hot, truncation) + 1) / 2


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    synthetic.write(folder, tiny=True)
    return folder


@pytest.fixture(scope="module")
def judge(repository: Path) -> Any:
    return judged(repository)


@pytest.fixture
def net(repository: Path, tmp_path: Path) -> Generator:
    return ours(repository, tmp_path)


@pytest.mark.parametrize("packed", [False, True], ids=["as written", "packed"])
@pytest.mark.parametrize("truncation", [0.1, 0.4, 0.44, 0.98, 1.0])
def test_pictures_equal_the_judges(
    truncation: float, packed: bool, net: Generator, judge: Any
) -> None:
    if packed:
        net.pack()
    noise = noises(net.config.noise, truncation)
    found, expected = drawn(net, noise, truncation), drawn_by(judge, noise, truncation)
    assert expected.std() > 0.1  # it is no even grey that anything would equal
    torch.testing.assert_close(found, expected, atol=5e-6, rtol=0)


def test_every_step_of_truncation_has_its_own_statistics(net: Generator) -> None:
    noise = noises(net.config.noise, 0.5)[0]
    pictures = [net(noise, net.kind([1]), step) for step in range(20, 31)]
    gaps = [(one - two).abs().max() for one, two in itertools.pairwise(pictures)]
    assert min(gaps) > 1e-3


@pytest.mark.slow
def test_pictures_of_the_true_size_equal_the_judges(tmp_path: Path) -> None:
    repository, folder = tmp_path / "repository", tmp_path / "checkpoint"
    folder.mkdir()
    synthetic.write(repository)
    judge, net = judged(repository), ours(repository, folder)
    net.pack()
    for truncation in (0.1, 0.4, 1.0):
        noise = noises(net.config.noise, truncation)
        found, expected = drawn(net, noise, truncation), drawn_by(judge, noise, truncation)
        assert found.shape == (3, 3, 128, 128)
        torch.testing.assert_close(found, expected, atol=5e-5, rtol=0)


def test_the_attention_equals_the_judges(net: Generator, judge: Any) -> None:
    place = net.config.attention_at
    x = torch.randn(1, net.config.stages[place].inside, 8, 8)
    expected = judge.generator.layers[place](x)
    torch.testing.assert_close(net.attention(x), expected, atol=1e-6, rtol=1e-5)
    net.pack()
    torch.testing.assert_close(net.attention(x), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("number", range(5))
def test_each_block_equals_the_judges(number: int, net: Generator, judge: Any) -> None:
    place = number + (number >= net.config.attention_at)
    condition, truncation = torch.randn(1, net.config.condition), 0.42
    x = torch.randn(1, net.config.stages[number].inside, 8, 8)
    expected = judge.generator.layers[place](x, condition, truncation)
    norms = net.norms(condition, net.config.step(truncation))
    for _ in range(4 * number):
        next(norms)
    torch.testing.assert_close(net.blocks[number](x, norms), expected, atol=1e-5, rtol=1e-5)


def test_a_norm_equals_the_judges(net: Generator, judge: Any) -> None:
    condition, x = torch.randn(1, net.config.condition), torch.randn(1, 128, 4, 4)
    expected = judge.generator.layers[0].bn_0(x, 0.42, condition).relu()
    norm = next(net.norms(condition, net.config.step(0.42)))
    torch.testing.assert_close(norm(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("side", [1, 4, 7])
def test_doubling_and_convolving_are_one_transposed_convolution(side: int) -> None:
    x, weight = torch.randn(1, 5, side, side), torch.randn(6, 5, 3, 3)
    expected = F.conv2d(F.interpolate(x, scale_factor=2.0, mode="nearest"), weight, padding=1)
    found = F.conv_transpose2d(x, doubling(weight), stride=2, padding=1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("kernel", "enlarge"), [(1, False), (3, False), (3, True)])
def test_a_packed_convolution_gives_what_it_gave(kernel: int, enlarge: bool) -> None:
    layer = Convolution(24, 40, kernel, enlarge=enlarge).requires_grad_(requires_grad=False)
    torch.nn.init.normal_(layer.weight)
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(1, 24, 8, 8)
    expected = layer(x)
    layer.pack(8)
    torch.testing.assert_close(layer(x), expected, atol=1e-4, rtol=1e-5)
    other = torch.randn(1, 24, 8, 4)  # not of the sides that it was packed for
    assert layer(other).shape[2:] == ((16, 8) if enlarge else (8, 4))


def test_a_picture_is_the_same_bits_whatever_was_drawn_before(net: Generator) -> None:
    net.pack()
    noise = noises(net.config.noise, 0.6)
    first, again = drawn(net, noise, 0.6), drawn(net, noise.flip(0), 0.6)
    alone = net(noise[1], net.kind([CLASSES[1]]), net.config.step(0.6))
    assert torch.equal(first[1], again[1])
    assert torch.equal(first[1], alone)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_picture_is_the_same_on_any_number_of_threads(
    dtype: str, repository: Path, tmp_path: Path
) -> None:
    """A worker's threads come and go while its models stay. Odd numbers round otherwise."""
    net = ours(repository, tmp_path, dtype)
    noise, kind, before = noises(net.config.noise, 0.4)[0], net.kind([1]), torch.get_num_threads()
    net.pack()
    found = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(net(noise, kind, 20))
    torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    torch.testing.assert_close(found[0], found[2], atol=2e-6, rtol=0)


def test_bfloat16_stays_near_float32(repository: Path, tmp_path: Path, net: Generator) -> None:
    held = ours(repository, tmp_path, "bfloat16")
    assert held.start.weight.dtype == torch.bfloat16
    assert held.norms.means.dtype == torch.float32
    held.pack()
    noise = noises(net.config.noise, 0.4)
    error = (drawn(held, noise, 0.4) - drawn(net, noise, 0.4)) * 255
    assert 0 < error.abs().max() < 10
    assert error.square().mean() < 1  # a PSNR of 48 dB


def test_layers_can_be_held_in_another_dtype_than_the_file_has(net: Generator) -> None:
    net.hold_in(torch.bfloat16)
    noise = noises(net.config.noise, 0.4)
    assert drawn(net, noise, 0.4).dtype == torch.float32
    assert net.norms.weight.dtype == net.start.weight.dtype == torch.bfloat16
    assert net.norms.means.dtype == net.classes.dtype == torch.float32


def test_what_lies_between_classes_is_drawn_from_the_mean_of_them(
    net: Generator, judge: Any
) -> None:
    noise = noises(net.config.noise, 0.4)[0]
    both = (F.one_hot(torch.tensor([5]), 1000) + F.one_hot(torch.tensor([8]), 1000)) / 2
    expected = (judge(noise[None], both, 0.4)[0] + 1) / 2
    torch.testing.assert_close(net(noise, net.kind([5, 8]), 20), expected, atol=5e-6, rtol=0)


def test_every_stage_is_told_and_may_stop_the_drawing(net: Generator) -> None:
    told: list[tuple[int, int]] = []
    noise, kind = noises(net.config.noise, 0.4)[0], net.kind([1])
    net(noise, kind, 20, lambda done, total: told.append((done, total)))
    assert told == [(done, 5) for done in range(1, 6)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        net(noise, kind, 20, stop)


def test_the_memory_of_packed_weights_is_counted(net: Generator) -> None:
    numbers = sum(tensor.numel() for tensor in net.state_dict().values())
    assert net.size_bytes() == 4 * numbers
    shown = 3 * (net.to_rgb.weight[0].numel() + 1)
    dropped = net.to_rgb.weight.numel() + len(net.to_rgb.bias) - shown
    added = sum(
        16 * layer.weight[:, :, 0, 0].numel() - layer.weight.numel()
        for layer in net.modules()
        if isinstance(layer, Convolution) and layer.enlarge
    )
    net.pack()
    assert net.size_bytes() == 4 * (numbers - dropped + added)


def test_the_net_has_the_size_of_the_published_one() -> None:
    with torch.device("meta"):
        net = Generator(Config.from_hub(synthetic.FULL))
    assert sum(weight.numel() for weight in net.parameters()) == 50_388_609
    assert net.config.side == 128


def test_the_larger_ones_are_the_same_code(tmp_path: Path) -> None:
    """The stages of the 256 pixel net, with few channels."""
    stages = [(0, 16, 16), (1, 16, 16), (0, 16, 16), (1, 16, 8), (0, 8, 8), (1, 8, 8), (0, 8, 8)]
    stages += [(1, 8, 4), (0, 4, 4), (1, 4, 2), (0, 2, 2), (1, 2, 1)]
    plain = {
        **synthetic.TINY,
        "layers": [[bool(enlarge), *channels] for enlarge, *channels in stages],
        "attention_layer_position": 8,
        "output_dim": 256,
    }
    (tmp_path / "config.json").write_text(json.dumps(plain))
    tensors = synthetic._Drawing(plain, seed=1).tensors
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    net, judge = ours(tmp_path, folder), judged(tmp_path)
    noise = noises(net.config.noise, 0.4)
    found = drawn(net, noise, 0.4)
    assert found.shape == (3, 3, 256, 256)
    torch.testing.assert_close(found, drawn_by(judge, noise, 0.4), atol=5e-5, rtol=0)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"channel_width": None}, "lacks or misstates"),
        ({"layers": [[True, 16]]}, "lacks or misstates"),
        ({"layers": []}, "no net"),
        ({"layers": [[True, 16, 8], [False, 4, 4]], "attention_layer_position": 1}, "wants others"),
        (
            {"layers": [[True, 8, 16], [True, 16, 1]], "attention_layer_position": 1},
            "more channels",
        ),
        ({"channel_width": 0}, "no net"),
        ({"n_stats": 1}, "no net"),
        ({"eps": -1.0}, "no net"),
        ({"attention_layer_position": 10}, "no stage 10"),
        ({"class_embed_dim": 64}, "64 long"),
    ],
)
def test_configurations_of_no_net_are_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Config.from_hub({**synthetic.FULL, **change})


def test_truncations_are_taken_to_the_nearest_step() -> None:
    config = Config.from_hub(synthetic.FULL)
    assert [config.step(t) for t in (0.1, 0.11, 0.1101, 0.4, 0.42, 1.0)] == [5, 6, 6, 20, 21, 50]
    assert config.stages[3] == Stage(2048, 1024, enlarge=True)
