"""The recommender's nets: against Keras' own layers, against other algebra, and by themselves."""

from __future__ import annotations

import os

import pytest
import torch
from torch import Tensor

from bot.nets.behaviour import BehaviourSequence, Config
from bot.nets.recommender import MOST_WINDOWS, Blend, Recommender
from bot.nets.tastes import Tastes

CONFIG = Config(films=50, width=8, heads=3, history=3, hidden=(16, 12))


def lively(net: torch.nn.Module) -> torch.nn.Module:
    """Give a net weights and statistics that no layer passes over."""
    luck = torch.Generator().manual_seed(0)
    for name, tensor in [*net.named_parameters(), *net.named_buffers()]:
        if tensor.is_floating_point():
            tensor.data = torch.randn(tensor.shape, generator=luck) * 0.4
            if name.endswith("running_var"):
                tensor.data = tensor.data.abs() + 0.3
            if name.endswith(("norm_1.weight", "norm_2.weight", "norm.weight")):
                tensor.data += 1
    return net.requires_grad_(requires_grad=False).eval()


@pytest.fixture
def net() -> BehaviourSequence:
    net = lively(BehaviourSequence(CONFIG))
    assert isinstance(net, BehaviourSequence)
    return net


def questions(count: int = 20, history: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    luck = torch.Generator().manual_seed(1)
    films = torch.randint(CONFIG.films, (count, history + 1), generator=luck)
    stars = torch.randint(1, 6, (count, history), generator=luck).float()
    return films[:, :-1], stars, films[:, -1]


def test_the_net_equals_the_same_one_of_keras_layers(net: BehaviourSequence) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="Keras judges this net: make judges")
    if keras.backend.backend() != "torch":
        pytest.skip("Keras runs on another backend here")
    layers, width = keras.layers, CONFIG.width
    history, marks, target = (
        layers.Input((3,), dtype="int64"), layers.Input((3, 1)), layers.Input((1,), dtype="int64"),
    )  # fmt: skip
    films, places = layers.Embedding(50, width), layers.Embedding(3, width)
    numbers = layers.Input((3,), dtype="int64")  # of the positions
    rated = layers.Multiply()([layers.Add()([films(history), places(numbers)]), marks])
    x = layers.Concatenate(axis=1)([rated, films(target)])
    attention = layers.MultiHeadAttention(num_heads=3, key_dim=width, dropout=0.1)
    norms = [layers.LayerNormalization(), layers.LayerNormalization()]
    dense = [layers.Dense(size) for size in (width, 16, 12, 1)]
    batch_norms = [layers.BatchNormalization(), layers.BatchNormalization()]
    x = norms[0](layers.Add()([x, layers.Dropout(0.1)(attention(x, x))]))
    x = norms[1](layers.Add()([x, dense[0](layers.LeakyReLU()(x))]))
    x = layers.Flatten()(x)
    for place in range(2):
        x = layers.LeakyReLU()(batch_norms[place](dense[place + 1](x)))
    model = keras.Model([history, numbers, marks, target], dense[3](x))

    def linear(layer: torch.nn.Linear) -> list[Tensor]:
        return [layer.weight.T, layer.bias]

    ours = net.attention
    projections = [
        part
        for layer in (ours.queries, ours.keys, ours.values)
        for part in (layer.weight.T.reshape(width, 3, width), layer.bias.reshape(3, width))
    ]
    films.set_weights([net.films.weight])
    places.set_weights([net.positions])
    attention.set_weights([*projections, ours.out.weight.T.reshape(3, width, width), ours.out.bias])
    for norm, layer in zip(norms, (net.norm_1, net.norm_2), strict=True):
        norm.set_weights([layer.weight, layer.bias])
    wide = [net.dense, *(layer.dense for layer in net.layers), net.stars]
    for theirs, layer in zip(dense, wide, strict=True):
        theirs.set_weights(linear(layer))
    for norm, layer in zip(batch_norms, net.layers, strict=True):
        own = layer.norm
        norm.set_weights([own.weight, own.bias, own.running_mean, own.running_var])

    seen, stars, targets = questions(200)
    inputs = [seen, torch.arange(3).expand(200, 3), stars[..., None], targets[:, None]]
    expected = model(inputs)[:, 0].detach()
    assert expected.std() > 0.1
    torch.testing.assert_close(net(seen, stars, targets), expected, atol=1e-5, rtol=1e-5)


def test_it_has_as_many_parameters_as_the_hubs_plus_the_frozen_positions() -> None:
    with torch.device("meta"):
        net = BehaviourSequence(Config(films=3883, width=62))
    assert sum(weight.numel() for weight in net.parameters()) == 389_185 + 3 * 62


def test_an_absent_film_is_nowhere_looked_at(net: BehaviourSequence) -> None:
    seen, stars, targets = questions()
    stars[:, 0] = 0
    others = seen.clone()
    others[:, 0] = (others[:, 0] + 7) % CONFIG.films
    torch.testing.assert_close(net(seen, stars, targets), net(others, stars, targets))
    stars[:, 0] = 3
    assert (net(seen, stars, targets) - net(others, stars, targets)).abs().max() > 1e-3


def test_questions_of_one_batch_do_not_touch_each_other(net: BehaviourSequence) -> None:
    seen, stars, targets = questions()
    together = net(seen, stars, targets)
    alone = torch.cat(
        [net(seen[n, None], stars[n, None], targets[n, None]) for n in range(len(seen))]
    )
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_a_taste_is_what_the_distribution_of_everybodys_stars_says() -> None:
    """The same by conditioning a normal distribution over films, without any taste in between."""
    tastes = lively(Tastes(30, 4))
    assert isinstance(tastes, Tastes)
    tastes.noise.fill_(0.7)
    films, stars = torch.tensor([3, 11, 25, 8, 0]), torch.tensor([5.0, 1, 3, 4, 2])
    between = tastes.factors @ tastes.factors.T
    own = between[films][:, films] + 0.7 * torch.eye(5)
    surprise = stars - tastes.mean - tastes.offsets[films]
    expected = between[:, films] @ torch.linalg.solve(own, surprise)
    expected += tastes.mean + tastes.offsets
    torch.testing.assert_close(tastes(films, stars), expected, atol=1e-4, rtol=1e-4)


def recommender(factors: int = 4, *, whole_history: bool = False) -> Recommender:
    made = lively(Recommender(CONFIG, factors, whole_history=whole_history))
    assert isinstance(made, Recommender)
    for linear in (made.general, made.tastes):
        if linear is not None:
            linear.noise.fill_(0.8)
            linear.mean.fill_(3.5)
    made.sequence.stars.bias += 3.5
    return made


def test_each_opinion_has_the_say_that_the_blend_gives_it() -> None:
    made = recommender()
    assert made.general is not None
    assert made.tastes is not None
    made.blend = Blend(share=0.5, fades_after=4.0, settles_after=4.0)
    films, stars, targets = torch.arange(4), torch.tensor([5.0, 4, 2, 1]), torch.arange(10, 50)
    general, taste = made.general(films, stars)[targets], made.tastes(films, stars)[targets]
    sequence = made.by_sequence(films, stars, targets)
    blend = 0.25 * sequence + 0.375 * general + 0.375 * taste
    torch.testing.assert_close(made(films, stars, targets), blend.clamp(1, 5))
    made.blend = Blend(share=0.0, settles_after=0.0)
    torch.testing.assert_close(made(films, stars, targets), taste.clamp(1, 5))


def test_without_what_everybody_thinks_the_transformer_decides_alone() -> None:
    made = recommender(0, whole_history=True)
    films, stars, targets = torch.arange(3), torch.tensor([5.0, 4, 2]), torch.arange(3, 50)
    expected = made.by_sequence(films, stars, targets).clamp(1, 5)
    torch.testing.assert_close(made(films, stars, targets), expected)


@pytest.mark.parametrize(("given", "windows"), [(3, 3), (5, 5), (40, MOST_WINDOWS)])
def test_every_given_film_is_read_as_often_as_any_other(given: int, windows: int) -> None:
    read = recommender()._windows(torch.arange(given), torch.ones(given))
    assert len(read) == windows
    seen = torch.cat([films[0] for films, _ in read])
    assert len(seen) == 3 * windows
    counts = torch.bincount(seen, minlength=given)
    assert counts.max() - counts.min() <= 1


def test_the_order_of_three_given_films_hardly_matters() -> None:
    made = recommender(0, whole_history=True)
    films, stars, targets = torch.arange(3), torch.tensor([5.0, 4, 2]), torch.arange(3, 50)
    turned = made(films.roll(1), stars.roll(1), targets)
    torch.testing.assert_close(made(films, stars, targets), turned)


def test_a_short_history_is_padded_with_nothing_or_with_what_all_know() -> None:
    films, stars = torch.tensor([7]), torch.tensor([2.0])
    made = recommender()
    ((seen, marks),) = made._windows(films, stars)
    assert seen.tolist() == [[0, 0, 7]]
    assert marks.tolist() == [[0, 0, 2]]

    whole = recommender(0, whole_history=True)
    assert (made.fewest, whole.fewest) == (1, 3)
    whole.fillers = [(7, 4.5), (9, 4.0), (1, 3.5)]  # 7 is given already
    ((seen, marks),) = whole._windows(films, stars)
    assert whole.fewest == 1
    assert seen.tolist() == [[9, 1, 7]]
    assert marks.tolist() == [[4.0, 3.5, 2.0]]


def test_between_windows_a_run_may_be_stopped() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recommender()(torch.arange(4), torch.ones(4), torch.arange(4, 50), stop)
