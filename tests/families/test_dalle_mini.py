"""DALL-E mini from a folder as on the hub: pictures, seeds, odd prompts, refusals."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.conversion.flax import convert
from bot.catalogue.model import Defaults, Limits, Model
from bot.catalogue.synthetic.dalle_mini import TINY_NET, net_shapes, write
from bot.decoding.linears import has_bfloat16
from bot.decoding.sampling import Sampling
from bot.errors import OperatorError, UserError
from bot.families.base import Stopped
from bot.families.dalle_mini import DRAWING, Imaginer, load
from bot.families.drawing import CodeWriter, chooser, hold
from bot.nets.dalle_bart import DalleBart, DalleBartConfig
from bot.nets.vqgan import VQGANConfig, VQGANDecoder
from bot.tasks.picture import Picture, PicturesResult
from bot.tasks.text_to_image import ImaginePicture
from tests.nets import judges

Imagine = Callable[..., PicturesResult]

DEFAULTS = Defaults(temperature=1.0, top_k=0, top_p=1.0, guidance=3.0, pictures=4)
CODES, STEPS = 16, 16 + DRAWING
HINT = "Say in a few English words what the picture should show."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    hub, done = tmp_path_factory.mktemp("hub"), tmp_path_factory.mktemp("done")
    write(hub, tiny=True)
    convert(sorted(hub.rglob("flax_model.msgpack")), done, "bfloat16")
    return done


@pytest.fixture(scope="module")
def family(folder: Path) -> Imaginer:
    return load(model(), folder)


@pytest.fixture
def imagine(family: Imaginer, run: Any) -> Imagine:
    return lambda prompt, seed=7, **options: drawn(family, run, (prompt, seed, options))[0]


def model(**changes: Any) -> Model:
    given = {"dtype": "float32", "defaults": DEFAULTS, **changes}
    return Model(id="tiny", task="imagine", family="dalle_mini", **given)


def drawn(
    family: Imaginer, run: Any, *wishes: tuple[str, int, dict[str, Any]]
) -> list[PicturesResult]:
    """Return what jobs of one batch get: prompt, seed, options of each."""
    requests = [ImaginePicture(prompt=prompt, **options) for prompt, _, options in wishes]
    seeds = [seed for _, seed, _ in wishes]
    with torch.inference_mode():
        batch = [family.preprocess(*pair) for pair in zip(requests, seeds, strict=True)]
        outputs = family.forward(batch, run)
    pairs = zip(outputs, requests, strict=True)
    return [family.postprocess(output, request) for output, request in pairs]


def pixels(picture: Picture) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(Image.open(io.BytesIO(picture.data)))


def test_a_prompt_becomes_as_many_pictures_as_the_entry_says(imagine: Imagine) -> None:
    result = imagine("A red fox, 日!")
    assert len(result.pictures) == 4
    for number, picture in enumerate(result.pictures, 1):
        assert (picture.width, picture.height, picture.media_type) == (256, 256, "image/png")
        image = Image.open(io.BytesIO(picture.data))
        assert (image.mode, image.size) == ("RGB", (256, 256))
        assert image.info["Seed"] == f"7, picture {number}"
        assert image.info["Prompt"] == "a red fox"
        of = f"Picture {number} of 4, drawn from the words: a red fox"
        assert picture.alt_text == of
    assert len({picture.data for picture in result.pictures}) == 4


def test_one_picture_is_described_as_one(imagine: Imagine) -> None:
    (picture,) = imagine("a fox", count=1).pictures
    assert picture.alt_text == "A picture, drawn from the words: a fox"


def test_a_seed_gives_the_same_pictures_and_another_seed_others(imagine: Imagine) -> None:
    first, again, other = imagine("a fox"), imagine("a fox"), imagine("a fox", seed=8)
    assert first == again
    assert {p.data for p in first.pictures}.isdisjoint(p.data for p in other.pictures)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("pack_bytes", ["0", "1000000000"])
def test_a_picture_is_the_same_whoever_is_drawn_beside_it(
    dtype: str, pack_bytes: str, folder: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENAGERIE_PACK_BYTES", pack_bytes)
    family = load(model(dtype=dtype), folder)
    mine = ("a fox in the snow", 5, {"count": 2})
    (two,) = drawn(family, run, mine)
    (one,) = drawn(family, run, ("a fox in the snow", 5, {"count": 1}))
    others = [("a cat", 5, {"count": 1}), ("the sea, " * 3, 9, {"count": 4})]
    beside = drawn(family, run, *others[:1], mine, *others[1:])
    assert [len(result.pictures) for result in beside] == [1, 2, 4]
    colours = [pixels(picture) for picture in two.pictures]
    for picture, other in zip(two.pictures, beside[1].pictures, strict=True):
        assert np.array_equal(pixels(picture), pixels(other))
    assert np.array_equal(colours[0], pixels(one.pictures[0]))
    assert not np.array_equal(colours[0], colours[1])


def test_small_pictures_are_enlarged(imagine: Imagine, family: Imaginer) -> None:
    assert family._drawer.config.side < 256
    assert {pixels(p).shape for p in imagine("a boat").pictures} == {(256, 256, 3)}


def test_where_the_entry_says_so_the_likeliest_pictures_come_first(folder: Path, run: Any) -> None:
    plain = load(model(), folder)
    ranked = load(model(defaults=msgspec.structs.replace(DEFAULTS, ranked=True)), folder)
    (all_,), (best,) = (drawn(f, run, ("a boat", 7, {"count": 4})) for f in (plain, ranked))
    by_chance, in_order = ([pixels(p).tobytes() for p in r.pictures] for r in (all_, best))
    assert sorted(by_chance) == sorted(in_order)
    with torch.inference_mode():
        wish = plain.preprocess(ImaginePicture(prompt="a boat", count=4), 7)
        empty = plain._filled(())
        choosers = [plain._chooser(wish, number) for number in range(4)]
        written = plain._writer.write([empty, wish.ids], [1] * 4, choosers, DEFAULTS.guidance)
    order = written.likeness.argsort(descending=True).tolist()
    assert in_order == [by_chance[number] for number in order]
    assert order != sorted(order), "chance had them in order already: take another seed"


def written(family: Imaginer, near: str, seed: int) -> Tensor:
    """Return the codes of four pictures, (4, CODES)."""
    wish = family.preprocess(ImaginePicture(prompt="a boat", count=4, near=near), seed)
    choosers = [family._chooser(wish, number) for number in range(4)]
    captions = [family._filled(()), wish.ids]
    with torch.inference_mode():
        return family._writer.write(captions, [1] * 4, choosers, DEFAULTS.guidance).codes


def test_a_variation_keeps_the_upper_half_and_that_of_a_variation_three_quarters(
    family: Imaginer,
) -> None:
    first = written(family, "", 7)
    varied = written(family, "7/3", 9)
    assert (varied[:, :8] == first[2, :8]).all()
    assert not any(torch.equal(row, first[2]) for row in varied), "the lower half is drawn anew"
    assert len({tuple(row.tolist()) for row in varied}) == 4
    again = written(family, "7/3 9/2", 11)
    assert (again[:, :12] == varied[1, :12]).all()
    assert not any(torch.equal(row, varied[1]) for row in again)


def test_a_net_that_is_taken_at_its_surest_is_varied_too(folder: Path) -> None:
    family = load(model(defaults=replace_defaults(temperature=0.0)), folder)
    sure = written(family, "", 7)
    assert len({tuple(row.tolist()) for row in sure}) == 1
    varied = written(family, "7/1", 9)
    assert (varied[:, :8] == sure[0, :8]).all()
    assert len({tuple(row.tolist()) for row in varied}) == 4
    again = written(family, "7/1 9/2", 11)
    assert (again[:, :12] == varied[1, :12]).all()


def test_a_variation_says_what_it_keeps_and_gives_the_same_bytes_again(
    imagine: Imagine, family: Imaginer, run: Any
) -> None:
    varied = imagine("a boat", seed=9, near="7/3", count=2)
    assert varied == imagine("a boat", seed=9, near="7/3", count=2)
    assert varied.note == (
        "The upper 2 of 4 rows of codes are those of picture 3 of seed 7; what is below is drawn "
        "anew."
    )
    info = Image.open(io.BytesIO(varied.pictures[1].data)).info
    assert (info["Near"], info["Seed"]) == ("7/3", "9, picture 2")
    plain, beside = ("a cat", 5, {"count": 1}), ("a boat", 9, {"near": "7/3", "count": 2})
    assert drawn(family, run, plain, beside)[1] == varied


@pytest.mark.parametrize("near", ["7", "7/0", "7/5", "x/1", "7/1/2", f"{2**32}/1", "7/1 9"])
def test_what_names_no_picture_cannot_be_varied(near: str, imagine: Imagine) -> None:
    with pytest.raises(UserError, match="such as 7/2"):
        imagine("a boat", near=near)


def test_what_has_nothing_left_to_draw_anew_is_not_varied(imagine: Imagine) -> None:
    assert imagine("a boat", near="7/1 8/1", count=1).pictures
    with pytest.raises(UserError, match="2 times over"):
        imagine("a boat", near="7/1 8/1 9/1")


def test_pictures_in_order_of_likeness_keep_their_numbers(folder: Path, run: Any) -> None:
    ranked = load(model(defaults=msgspec.structs.replace(DEFAULTS, ranked=True)), folder)
    (result,) = drawn(ranked, run, ("a boat", 7, {"count": 4}))
    numbers = [picture.number for picture in result.pictures]
    assert sorted(map(str, numbers)) == list("1234")
    assert numbers != [1, 2, 3, 4], "chance had them in order already: take another seed"
    plain = load(model(), folder)
    (unranked,) = drawn(plain, run, ("a boat", 7, {"count": 4}))
    for picture in result.pictures:
        assert picture.number is not None
        assert np.array_equal(pixels(picture), pixels(unranked.pictures[picture.number - 1]))


def test_seeds_differ_in_all_their_bits() -> None:
    sampling = Sampling(max_new_tokens=1, temperature=1.0)
    flat = torch.zeros(5000)
    seeds = [0, 1, 2**31, 2**32 - 1]
    firsts = {(s, n): chooser(sampling, s, n).choose(flat) for s in seeds for n in range(4)}
    assert len(set(firsts.values())) == len(firsts)


def test_greedy_pictures_do_not_hang_on_the_seed(folder: Path, run: Any) -> None:
    family = load(model(defaults=replace_defaults(temperature=0.0)), folder)
    (first,), (other,) = (drawn(family, run, ("a fox", seed, {"count": 1})) for seed in (1, 2))
    assert np.array_equal(pixels(first.pictures[0]), pixels(other.pictures[0]))


def replace_defaults(**changes: Any) -> Defaults:
    fields = {name: getattr(DEFAULTS, name) for name in Defaults.__struct_fields__}
    return Defaults(**{**fields, **changes})


def test_the_prompt_counts_and_guidance_makes_it_count_more(folder: Path) -> None:
    """The caption's pull on the first code, without guidance and with much."""
    shifts = {}
    for guidance in (1.0, 8.0):
        family = load(model(defaults=replace_defaults(guidance=guidance)), folder)
        codes = [codes_of(family, prompt, guidance) for prompt in ("a fox", "the sea at night")]
        shifts[guidance] = (codes[0] != codes[1]).float().mean()
    assert shifts[1.0] > 0
    assert shifts[8.0] >= shifts[1.0]


def codes_of(family: Imaginer, prompt: str, guidance: float) -> Tensor:
    wish = family.preprocess(ImaginePicture(prompt=prompt, count=4), 3)
    sampling = Sampling(max_new_tokens=CODES, temperature=1.0)
    choosers = [chooser(sampling, 3, number) for number in range(4)]
    with torch.inference_mode():
        empty = family._filled(())
        return family._writer.write([empty, wish.ids], [1] * 4, choosers, guidance).codes


def test_guided_choices_are_min_dalles() -> None:
    """Its own sampling with the likeliest code only, through its own loop."""
    config = {**TINY_NET, "image_vocab_size": judges.CODES, "image_length": judges.IMAGE_LENGTH}
    leaves = judges.leaves_of(dict(net_shapes(config)), spread=1.5)
    ids = torch.ones(2, 24, dtype=torch.long)
    ids[0, :2] = torch.tensor([0, 2])
    ids[1, :7] = torch.tensor([0, 17, 599, 300, 4, 250, 2])
    length, guidance = 24, 6.0
    net = judges.filled(DalleBart(DalleBartConfig(
        tokens=600, codes=judges.CODES, caption_length=24, image_length=judges.IMAGE_LENGTH,
        width=32, encoder_layers=2, encoder_heads=2, encoder_inner=50, decoder_layers=3,
        decoder_heads=4, decoder_inner=42,
    )), leaves)  # fmt: skip
    with torch.inference_mode():
        judge = judges.Steps(
            judges.decoder(leaves, config), judges.encoder(leaves, config)(ids), ids
        )
        codes = [torch.tensor([judges.CODES])]
        for place in range(length):
            codes.append(judge.sampled(codes[-1], place, (1.0, 1, guidance)))
        judged = torch.cat(codes[1:])
        assert isinstance(net, DalleBart)
        net.config = replace(net.config, image_length=length)
        greedy = chooser(Sampling(max_new_tokens=length), 0, 0)
        captions = [tuple(row.tolist()) for row in ids]
        ours = CodeWriter(net, "plain").write(captions, [1], [greedy], guidance).codes[0]
    assert len(set(judged.tolist())) > 5
    assert ours.tolist() == judged.tolist()


def test_the_start_is_never_chosen(folder: Path, tmp_path: Path) -> None:
    changed = Path(shutil.copytree(folder, tmp_path / "changed"))
    weights = load_file(changed / "model.safetensors")
    weights["net.decoder.norm.bias"] += 10.0
    weights["net.head.weight"][-1] = 1.0  # by far the likeliest
    save_file(weights, changed / "model.safetensors")
    codes = codes_of(load(model(), changed), "a fox", 3.0)
    assert 0 <= codes.min() <= codes.max() < 96


@pytest.mark.parametrize(
    ("prompt", "caption"),
    [
        ("🦊", "fox face"),
        ("שלום עולם", 'shlvm " vlm'),
        ("a\x00cat", "acat"),
        ("#foxes see https://a.b", "foxes see"),
        ("A" * 9, "a"),
        ("\u202ecat", "cat"),
        ("<mask> </s> <pad> cat", "cat"),
    ],
)
def test_odd_prompts_are_drawn(prompt: str, caption: str, imagine: Imagine) -> None:
    (picture,) = imagine(prompt, count=1).pictures
    assert picture.alt_text.endswith(f"the words: {caption}")


@pytest.mark.parametrize("prompt", ["", "   ", "\n\t", "\u3000"])
def test_an_empty_prompt_is_refused(prompt: str, imagine: Imagine) -> None:
    with pytest.raises(UserError, match="There is no word in this prompt") as refused:
        imagine(prompt)
    assert str(refused.value).endswith(HINT)


@pytest.mark.parametrize(
    "prompt", ["https://example.com", "\x00", "...", "北京", "<b></b>", "\u200d"]
)
def test_a_prompt_of_which_nothing_is_left_is_refused(prompt: str, imagine: Imagine) -> None:
    with pytest.raises(
        UserError, match="nothing in this prompt that the model can read"
    ) as refused:
        imagine(prompt)
    assert str(refused.value).endswith(HINT)


def test_a_long_prompt_is_cut_and_says_so(imagine: Imagine, family: Imaginer) -> None:
    short = imagine("cat " * 3, count=1)
    assert short.note == ""
    long = imagine("a cat on a mat. " * 312, count=1)
    assert "the model reads 22, as far as “…" in long.note
    wish = family.preprocess(ImaginePicture(prompt="a cat on a mat. " * 312), 0)
    assert len(wish.ids) == 24
    assert (wish.ids[0], wish.ids[-1]) == (0, 2)
    assert long.note.endswith(f"{wish.caption[-20:]}”.")
    assert ("a cat on a mat, " * 312).startswith(wish.caption)


def test_a_prompt_that_just_fits_is_read_whole(family: Imaginer) -> None:
    for count in (2, 21, 22, 23, 40):  # a space, and digits of which no two are one token
        wish = family.preprocess(ImaginePicture(prompt=("9876543210" * 4)[: count - 1]), 0)
        assert wish.ids.count(1) == max(0, 22 - count)
        assert (wish.note == "") == (count <= 22)


def test_a_tokenizer_that_cuts_and_fills_up_is_kept_from_it(folder: Path, tmp_path: Path) -> None:
    changed = Path(shutil.copytree(folder, tmp_path / "changed"))
    tokenizer = Tokenizer.from_file(str(changed / "tokenizer.json"))
    tokenizer.enable_truncation(5)
    tokenizer.enable_padding(length=30)
    tokenizer.save(str(changed / "tokenizer.json"))
    request = ImaginePicture(prompt="0987654321")
    wishes = [load(model(), place).preprocess(request, 0) for place in (folder, changed)]
    assert wishes[0] == wishes[1]
    assert wishes[0].ids.count(1) == 24 - 2 - 11


def test_more_pictures_are_more_work() -> None:
    sizes = [ImaginePicture(prompt="a fox", count=count).size() for count in (1, 2, 4, None)]
    assert sizes == [5, 10, 20, 20]


def test_letters_that_it_cannot_read_are_told(imagine: Imagine) -> None:
    assert imagine("cat 日本", count=1).note == (
        "The model reads English words, none of these letters: 日本"
    )


def test_words_that_it_was_never_told_are_named(folder: Path, tmp_path: Path) -> None:
    changed = Path(shutil.copytree(folder, tmp_path / "changed"))
    (changed / "taught.txt").write_text("a\nsad\nfox\nthe\n")
    family = load(model(), changed)
    strange = ImaginePicture(prompt="A sad fox's tower, the tower (Eiffel)")
    note, _ = family.preprocess(strange, 0).note.splitlines()
    assert note == "The model was never told these words: tower, eiffel"
    assert family.preprocess(ImaginePicture(prompt="The sad fox"), 0).note == ""


def test_the_entrys_own_limit_of_tokens_holds(folder: Path) -> None:
    family = load(model(limits=Limits(max_input_tokens=6)), folder)
    wish = family.preprocess(ImaginePicture(prompt="z9 z9 z9 z9 z9"), 0)
    assert wish.ids[5] == 2
    assert set(wish.ids[6:]) == {1}
    assert "the model reads 4" in wish.note


class Watcher:
    """A run that keeps what it is told, and stops where it is told to."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.steps: list[tuple[int, int, Picture | None]] = []
        self.checks = 0
        self.stop_at = stop_at

    def check(self) -> None:
        self.checks += 1
        if self.checks == self.stop_at:
            raise Stopped

    def step(self, done: int, total: int, preview: Picture | None = None) -> None:
        self.steps.append((done, total, preview))
        self.check()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.families.dalle_mini.TELL_EVERY_S", 0.0)


def test_every_code_is_a_chance_to_stop(family: Imaginer) -> None:
    watcher = Watcher()
    drawn(family, watcher, ("a fox", 1, {"count": 2}))
    assert watcher.checks >= CODES + 2
    for stop_at in (1, 5, CODES + 1, watcher.checks):
        with pytest.raises(Stopped):
            drawn(family, Watcher(stop_at), ("a fox", 1, {"count": 2}))


@pytest.mark.usefixtures("impatient")
def test_steps_count_to_the_end_and_show_the_first_picture_half_way(family: Imaginer) -> None:
    watcher = Watcher()
    (result,) = drawn(family, watcher, ("a fox", 1, {"count": 2}))
    done, totals, previews = zip(*watcher.steps, strict=True)
    assert done == (*range(1, CODES + 1), CODES + DRAWING // 2, STEPS)
    assert set(totals) == {STEPS}
    assert [preview is None for preview in previews[: CODES // 2]] == [True] * 7 + [False]
    (preview,) = set(previews[CODES // 2 - 1 :])  # it stays
    assert preview is not None
    shown = pixels(preview)
    assert shown.shape == (256, 256, 3)
    assert (shown[128:] == 128).all()
    assert shown[:128].std() > 1
    assert preview.alt_text == "The first picture as far as it is drawn."
    assert len(result.pictures) == 2


@pytest.mark.usefixtures("impatient")
def test_nobody_sees_the_picture_of_another(family: Imaginer) -> None:
    watcher = Watcher()
    drawn(family, watcher, ("a fox", 1, {"count": 1}), ("my secret", 1, {"count": 1}))
    assert {preview for _, _, preview in watcher.steps} == {None}


def test_it_tells_about_twice_a_second(family: Imaginer, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]

    def tick() -> float:
        now[0] += 0.1
        return now[0]

    monkeypatch.setattr("bot.families.dalle_mini.time.monotonic", tick)
    watcher = Watcher()
    drawn(family, watcher, ("a fox", 1, {"count": 1}), ("a cat", 1, {"count": 1}))
    assert 2 <= len([done for done, _, _ in watcher.steps if done <= CODES]) <= 5


def test_the_nets_are_held_as_their_machine_is_fast(folder: Path) -> None:
    family = load(model(dtype="bfloat16"), folder)
    exact = load(model(), folder)
    if has_bfloat16():
        matrices = sum(
            weight.numel()
            for name, weight in load_file(folder / "model.safetensors").items()
            if name.startswith("net.") and weight.dim() > 1
        )
        assert exact.size_bytes() - family.size_bytes() == 2 * matrices


def test_bfloat16_changes_a_picture_by_less_than_a_level_of_255() -> None:
    """At full size: the coarse levels are exact, the fine ones hurry."""
    if not has_bfloat16():
        pytest.skip("this processor has no instructions for bfloat16")
    torch.manual_seed(0)
    drawer = VQGANDecoder(VQGANConfig()).requires_grad_(requires_grad=False).eval()
    drawer.decoder.conv_out.bias.fill_(0.5)
    net = DalleBart(DalleBartConfig(
        tokens=9, codes=9, caption_length=4, image_length=4, width=16, encoder_layers=1,
        encoder_heads=1, encoder_inner=16, decoder_layers=1, decoder_heads=1, decoder_inner=16,
    ))  # fmt: skip
    codes = torch.randint(16_384, (1, 4, 16))  # a quarter of a picture
    with torch.inference_mode():
        exact = drawer(codes)
        hold(net, drawer, torch.bfloat16)
        rounded = drawer(codes)
    assert rounded.dtype == torch.float32
    assert exact.std() * 255 > 30
    assert 0.1 < (rounded - exact).abs().mean() * 255 < 1.0


def test_guidance_of_one_writes_each_picture_once(folder: Path) -> None:
    family = load(model(defaults=replace_defaults(guidance=1.0)), folder)
    rows: list[int] = []
    step = family._writer._net.decoder.step

    def counted(codes: Tensor, *rest: Any) -> Tensor:
        rows.append(len(codes))
        found: Tensor = step(codes, *rest)
        return found

    family._writer._net.decoder.step = counted  # type: ignore[method-assign]
    codes_of(family, "a fox", 1.0)
    codes_of(family, "a fox", 2.0)
    assert rows == [4] * CODES + [8] * CODES


def test_numbers_that_are_none_end_the_run(folder: Path, tmp_path: Path, run: Any) -> None:
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    weights = load_file(broken / "model.safetensors")
    weights["net.decoder.norm.bias"] = torch.full((32,), float("nan"))
    save_file(weights, broken / "model.safetensors")
    with pytest.raises((ValueError, RuntimeError)):
        drawn(load(model(), broken), run, ("a fox", 1, {}))


@pytest.mark.parametrize("spoil", ["lacking", "unknown", "shape"])
def test_weights_that_do_not_fit_are_refused(spoil: str, folder: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    weights = load_file(broken / "model.safetensors")
    name = "net.decoder.layers.2.cross.query.weight"
    if spoil == "unknown":
        weights["net.decoder.layers.9.x"] = torch.zeros(1)
    else:
        weights[name] = weights[name][:-1].clone()
        if spoil == "lacking":
            del weights[name]
    save_file(weights, broken / "model.safetensors")
    with pytest.raises(OperatorError, match=r"layers\.(2\.cross\.query\.weight|9\.x)"):
        load(model(), broken)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"net": {"widht": 3}}, "widht"),
        ({"vqgan": None}, "no sizes of DALL-E mini"),
        ([], "no sizes of DALL-E mini"),
    ],
)
def test_a_strange_configuration_is_refused(
    change: Any, sentence: str, folder: Path, tmp_path: Path
) -> None:
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    said = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps({**said, **change} if change else change))
    with pytest.raises(OperatorError, match=sentence):
        load(model(), broken)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_file_that_is_not_there_is_refused(name: str, folder: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    (broken / name).unlink()
    with pytest.raises(OperatorError):
        load(model(), broken)


def test_a_net_of_another_size_than_the_entrys_is_refused(folder: Path) -> None:
    count = sum(
        w.numel() for n, w in load_file(folder / "model.safetensors").items() if "net." in n
    )
    load(model(params=count), folder)
    with pytest.raises(OperatorError, match=f"has {count:,} parameters; the entry tiny says"):
        load(model(params=count + 1), folder)


def test_the_catalogue_has_it() -> None:
    entry = Catalogue.load().get("dalle-mini")
    assert (entry.convert, entry.dtype, entry.params) == ("flax", "bfloat16", 437_833_712)
    assert (entry.defaults.pictures, entry.defaults.guidance) == (4, 10.0)
    assert entry.defaults.temperature == entry.defaults.top_p == 1.0
    assert entry.defaults.top_k == 0
