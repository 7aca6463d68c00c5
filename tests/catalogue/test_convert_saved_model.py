"""Reading a SavedModel of Keras without TensorFlow: one that TensorFlow wrote, and stand-ins."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bot.catalogue.bundles import Bundle, crc32c, fields, mask, varint
from bot.catalogue.catalogue import Catalogue
from bot.catalogue.checkpoints import fetch, verify
from bot.catalogue.conversion import saved_model
from bot.catalogue.conversion.saved_model import convert
from bot.catalogue.films import read_films
from bot.catalogue.synthetic.behaviour import write
from bot.config import load_config
from bot.errors import OperatorError
from bot.nets.behaviour import Config
from bot.nets.recommender import Recommender

KERAS = Path(__file__).parents[1] / "data" / "keras_recommender.zip"
FILES = (
    "saved_model.pb",
    "keras_metadata.pb",
    "variables/variables.index",
    "variables/variables.data-00000-of-00001",
)

Spoil = Callable[[bytes], bytes]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A SavedModel that TensorFlow 2.15 wrote, of the structure of Keras' example."""
    folder = tmp_path / "saved"
    with zipfile.ZipFile(KERAS) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def synthetic(tmp_path: Path) -> Path:
    folder = tmp_path / "synthetic"
    folder.mkdir()
    write(folder, tiny=True)
    return folder


@pytest.fixture
def done(tmp_path: Path) -> Path:
    folder = tmp_path / "done"
    folder.mkdir()
    return folder


def converted(folder: Path, done: Path) -> Recommender:
    convert([folder / "saved_model.pb"], done, "float32")
    settings = json.loads((done / "config.json").read_text())
    shapes = {name: settings[name] for name in ("films", "width", "heads", "history")}
    config = Config(**shapes, hidden=tuple(settings["hidden"]))
    recommender = Recommender(config, 0, whole_history=settings["whole_history"])
    recommender.load_state_dict(load_file(done / "model.safetensors"))
    return recommender.requires_grad_(requires_grad=False).eval()


def test_what_tensorflow_wrote_answers_as_in_tensorflow(saved: Path, done: Path) -> None:
    answers = json.loads((saved / "answers.json").read_text())
    net = converted(saved, done).sequence
    found = net(
        torch.tensor(answers["sequence"]),
        torch.tensor(answers["stars"]),
        torch.tensor(answers["targets"]),
    )
    expected = torch.tensor(answers["expected"])
    assert expected.std() > 0.2
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_films_of_which_no_rating_was_seen_are_told_apart(saved: Path, done: Path) -> None:
    """Only the films before the last four were trained on when the file was made."""
    convert([saved / "saved_model.pb"], done, "float32")
    films = read_films(done)
    assert [film.id for film in films] == [str(number) for number in range(1, 41)]
    assert [film.trained for film in films] == [True] * 36 + [False] * 4


def test_a_stand_in_has_the_layout_and_the_sizes_of_the_hubs(tmp_path: Path, done: Path) -> None:
    write(tmp_path)
    sizes = {name: (tmp_path / name).stat().st_size for name in FILES}
    assert sizes["variables/variables.data-00000-of-00001"] == pytest.approx(3_150_000, rel=0.02)
    net = converted(tmp_path, done)
    found = sum(weight.numel() for weight in net.parameters())
    assert found == Catalogue.load().get("keras-io/recommender-transformers").params
    films = read_films(done)
    assert len(films) == 3883
    assert sum(film.trained for film in films) == 3883 - 177
    assert films[0].title == "Alien (1979)"  # movies.dat came along


def test_stand_ins_of_one_seed_are_the_same(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, tiny=True, seed=seed)
    data = [(tmp_path / name / FILES[3]).read_bytes() for name in "abc"]
    assert data[0] == data[1] != data[2]


def test_a_stand_in_goes_the_ordinary_way_into_the_cache(synthetic: Path, tmp_path: Path) -> None:
    table = 'id = "small"\ntask = "recommend"\nfamily = "behaviour"\nconvert = "saved_model"\n'
    (tmp_path / "config.toml").write_text(
        f'[[model]]\n{table}repo = "keras-io/recommender-transformers"\n'
    )
    model = Catalogue.load(load_config(tmp_path / "config.toml", os.environ).model).get("small")
    cache = tmp_path / "cache"
    folder = fetch(model, cache, origin=synthetic)
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "films.json", "manifest.json", "model.safetensors", "movies.dat",
    }  # fmt: skip
    assert verify(model, cache) == []


def test_no_tensorflow_is_loaded(synthetic: Path, done: Path) -> None:
    program = (
        "import sys\n"
        "from bot.catalogue.conversion.__main__ import main\n"
        "main(['saved_model', 'float32', sys.argv[1], sys.argv[2]])\n"
        "assert not {'tensorflow', 'keras', 'torch'} & set(sys.modules)\n"
    )
    arguments = [str(done), str(synthetic / "saved_model.pb")]
    subprocess.run([sys.executable, "-c", program, *arguments], check=True)
    assert (done / "model.safetensors").is_file()


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720, appendix B.4 and the usual check
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert mask(crc32c(b"foo")) != crc32c(b"foo")


@pytest.mark.parametrize(
    ("name", "spoil", "said"),
    [
        ("saved_model.pb", lambda data: data[:-3], "no SavedModel, or damaged"),
        ("saved_model.pb", lambda _: b"", "version 0"),
        ("keras_metadata.pb", lambda data: data[: len(data) // 2], "cannot be read"),
        ("keras_metadata.pb", lambda _: b"", "is not in it"),
        (
            "keras_metadata.pb",
            lambda data: data.replace(b'"vocabulary": [', b'"vocabulaire": ['),
            "cannot be read|list of films",
        ),
        (
            "keras_metadata.pb",
            lambda data: data.replace(b'"epsilon": 0.001', b'"epsilon": 0.002'),
            "epsilon 0.002; 0.001 is wanted",
        ),
        (
            "keras_metadata.pb",
            lambda data: data.replace(b'"alpha": 0.3', b'"alpha": 0.2'),
            "LeakyReLU with alpha",
        ),
        ("variables/variables.index", lambda data: data[:-9], "no index of a TensorFlow"),
        ("variables/variables.index", lambda _: b"", "no index of a TensorFlow"),
        (
            "variables/variables.index",
            lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
            "checksum of a block is wrong",
        ),
        ("variables/variables.data-00000-of-00001", lambda data: data[:9], "is damaged"),
        (
            "variables/variables.data-00000-of-00001",
            lambda data: data[:-20] + bytes([data[-20] ^ 1]) + data[-19:],
            "is damaged",
        ),
    ],
)
def test_a_damaged_file_is_refused(
    name: str, spoil: Spoil, said: str, saved: Path, done: Path
) -> None:
    path = saved / name
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(OperatorError, match=said):
        convert([saved / "saved_model.pb"], done, "float32")
    assert not (done / "model.safetensors").exists()


@pytest.mark.parametrize("name", FILES)
def test_an_absent_file_is_named(name: str, saved: Path, done: Path) -> None:
    (saved / name).unlink()
    with pytest.raises(OperatorError, match=Path(name).name.split(".")[0]):
        convert([saved / "saved_model.pb"], done, "float32")


def test_any_broken_byte_of_the_index_is_found(saved: Path) -> None:
    path = saved / "variables" / "variables.index"
    data = path.read_bytes()
    used = set(range(0, len(data) - 48, 37))  # all but the footer has checksums
    for place in sorted(used):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
        with pytest.raises(OperatorError):
            Bundle(path.with_suffix(""))


def test_another_net_is_refused(
    synthetic: Path, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other(Bundle):
        """A checkpoint whose first norm is none."""

        def __init__(self, prefix: Path) -> None:
            super().__init__(prefix)
            self.entries = {
                key.replace("layer_with_weights-2/gamma", "layer_with_weights-2/delta"): entry
                for key, entry in self.entries.items()
            }

    monkeypatch.setattr(saved_model, "Bundle", Other)
    with pytest.raises(OperatorError, match=r"another net.*embedding, unknown, dense"):
        convert([synthetic / "saved_model.pb"], done, "float32")


def test_the_attentions_names_win_over_their_order(
    synthetic: Path, tmp_path: Path, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the queries numbered behind the keys, their names would still tell them apart."""
    plain = converted(synthetic, done).sequence.attention
    swapped = {"query": "key", "key": "query"}
    names = {
        key: "/".join(swapped.get(part, part) for part in name.split("/"))
        for key, name in saved_model._given_names(Bundle(synthetic / "variables/variables")).items()
    }
    monkeypatch.setattr(saved_model, "_given_names", lambda _: names)
    (tmp_path / "again").mkdir()
    again = converted(synthetic, tmp_path / "again").sequence.attention
    assert torch.equal(again.queries.weight, plain.keys.weight)
    assert torch.equal(again.keys.bias, plain.queries.bias)
    assert torch.equal(again.values.weight, plain.values.weight)
    monkeypatch.setattr(saved_model, "_given_names", lambda _: {})  # without names, by order
    (tmp_path / "third").mkdir()
    third = converted(synthetic, tmp_path / "third").sequence.attention
    assert torch.equal(third.queries.weight, plain.queries.weight)


def test_numbers_of_variable_length_are_bounded() -> None:
    assert varint(b"\xac\x02", 0) == (300, 2)
    with pytest.raises(ValueError, match="more than ten bytes"):
        varint(b"\xff" * 20, 0)
    with pytest.raises(ValueError, match="too early"):
        fields(b"\x0a\x05abc")
    with pytest.raises(ValueError, match="too early"):
        fields(b"\x0b" + struct.pack("<I", 1))  # a group, which nobody writes any more


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_other_dtypes_are_refused(dtype: str, synthetic: Path, done: Path) -> None:
    with pytest.raises(OperatorError, match="float32 only"):
        convert([synthetic / "saved_model.pb"], done, dtype)
