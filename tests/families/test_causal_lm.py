"""Language models from a folder: tiny random nets, saved and loaded as a checkpoint is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from bot.catalogue.model import Defaults, Limits, Model, Prompt
from bot.decoding.engine import Finish
from bot.errors import OperatorError, UserError
from bot.families.causal_lm import CausalLM, load
from bot.tasks.text_to_text import AnswerQuestion, CompleteText, TextResult, Turn
from tests.decoding.vocabularies import byte_fallback, byte_level

WINDOW = 128
LIMITS = Limits(max_new_tokens=16)
DEFAULTS = Defaults(max_new_tokens=8, temperature=0.0, top_k=0, top_p=1.0, repetition_penalty=1.0)
TEMPLATE = (
    "{% for turn in messages %}[{{ turn['role'] }}] {{ turn['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)
PLAIN = Model(
    id="tiny-gpt2", name="Tiny GPT-2", task="complete", family="causal_lm", checkpoint="x",
    limits=LIMITS, defaults=DEFAULTS,
)  # fmt: skip
CHAT = Model(
    id="tiny-chat", name="Tiny Chat", task=("complete", "ask"), family="causal_lm", checkpoint="x",
    limits=LIMITS, defaults=DEFAULTS,
    prompt=Prompt(chat=True, system="Be brief.", context="TEXT {context} ASKS {question}"),
)  # fmt: skip

Load = Callable[[Model], CausalLM]


def saved(folder: Path, net: Any, vocabulary: Any, **options: Any) -> Path:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=vocabulary,
        eos_token="<end>",
        clean_up_tokenization_spaces=False,
        **options,
    )
    net.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def gpt2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    size = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": WINDOW, "vocab_size": 320}
    net = GPT2LMHeadModel(GPT2Config(**size, bos_token_id=0, eos_token_id=0))
    return saved(tmp_path_factory.mktemp("gpt2"), net, byte_level())


@pytest.fixture(scope="module")
def llama_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=400, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=WINDOW,
        bos_token_id=0, eos_token_id=[0, 1],
    )  # fmt: skip
    net = LlamaForCausalLM(config)
    folder = tmp_path_factory.mktemp("llama")
    return saved(folder, net, byte_fallback(), chat_template=TEMPLATE)


@pytest.fixture(scope="module")
def gpt2(gpt2_folder: Path) -> CausalLM:
    return load(PLAIN, gpt2_folder)


@pytest.fixture(scope="module")
def chat(llama_folder: Path) -> CausalLM:
    return load(CHAT, llama_folder)


@pytest.fixture
def prompt_of(llama_folder: Path) -> Callable[[CausalLM, Any], str]:
    """Return what a family has its net read, as text."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(llama_folder)
    return lambda family, request: str(tokenizer.decode(family.row(request, 0).ids))


def answered(family: CausalLM, request: Any, seed: int = 0) -> tuple[list[str], TextResult]:
    """Run a request by itself; return what was shown on the way, and the result."""
    shown: list[str] = []
    with torch.inference_mode():
        family.engine.join("job", family.row(request, seed))
        while True:
            for emission in family.engine.step():
                if isinstance(emission.finish, Finish):
                    return shown, family.result(request, emission.finish)
                shown.append(family.shown(request, emission.text))


def test_a_text_is_completed_after_its_prompt(gpt2: CausalLM) -> None:
    request = CompleteText(prompt="the quick brown")
    shown, result = answered(gpt2, request)
    assert result.text.startswith("the quick brown")
    assert len(result.text) > len("the quick brown")
    assert 0 < result.tokens <= DEFAULTS.max_new_tokens
    assert all(result.text.startswith(text) for text in shown)


def test_the_same_seed_gives_the_same_text(gpt2: CausalLM) -> None:
    request = CompleteText(prompt="hello", temperature=1.5, max_tokens=16)
    texts = [answered(gpt2, request, seed)[1].text for seed in (7, 7, 8)]
    assert texts[0] == texts[1] != texts[2]


def test_a_completion_keeps_the_space_before_its_first_word(chat: CausalLM) -> None:
    request = CompleteText(prompt="the quick", temperature=2.0, max_tokens=16)
    for seed in range(20):
        _, result = answered(chat, request, seed)
        alone = list(chat.row(CompleteText(prompt=result.text), 0).ids)
        if result.text.isascii() and result.text.startswith("the quick "):
            assert alone[: len(chat.row(request, 0).ids)] == list(chat.row(request, 0).ids)
            return
    pytest.fail("no seed gave a word with a space before it")


def test_a_question_goes_through_the_chat_template_with_its_system_prompt(
    chat: CausalLM, prompt_of: Callable[[CausalLM, Any], str]
) -> None:
    prompt = prompt_of(chat, AnswerQuestion(question="who?"))
    assert prompt == "[system] Be brief.\n[user] who?\n[assistant] "


def test_a_context_is_put_into_its_pattern(
    chat: CausalLM, prompt_of: Callable[[CausalLM, Any], str]
) -> None:
    prompt = prompt_of(chat, AnswerQuestion(question="who {x}?", context="a fox {context}"))
    assert "[user] TEXT a fox {context} ASKS who {x}?\n" in prompt


def test_without_a_system_prompt_there_is_no_system_turn(
    llama_folder: Path, prompt_of: Callable[[CausalLM, Any], str]
) -> None:
    model = Model(
        id="x", task="ask", family="causal_lm", defaults=DEFAULTS, prompt=Prompt(chat=True)
    )
    prompt = prompt_of(load(model, llama_folder), AnswerQuestion(question="who?"))
    assert prompt == "[user] who?\n[assistant] "


def test_a_model_without_a_template_gets_the_question_as_a_line(gpt2: CausalLM) -> None:
    asked = gpt2.row(AnswerQuestion(question="who?"), 0)
    assert asked.ids == gpt2.row(CompleteText(prompt="who?\n"), 0).ids


def test_an_answer_stands_by_itself(chat: CausalLM) -> None:
    shown, result = answered(chat, AnswerQuestion(question="who?"), seed=1)
    assert "who?" not in result.text
    assert result.text == result.text.lstrip()
    assert all(result.text.startswith(text) for text in shown)


@pytest.mark.parametrize("id_", [0, 1])
def test_every_end_that_the_checkpoint_names_ends_a_text(id_: int, llama_folder: Path) -> None:
    family = load(CHAT, llama_folder)
    only = torch.nn.functional.one_hot(torch.tensor(id_), 400).float()
    family.engine._runtime.extend = lambda slot, ids: only  # a net that only ever says this
    _, result = answered(family, CompleteText(prompt="the"))
    assert (result.text, result.tokens, result.stopped_by) == ("the", 0, "end")


@pytest.mark.parametrize(("asked", "most"), [(None, 8), (3, 3), (16, 16), (500, 16)])
def test_tokens_are_bounded_by_the_models_limit(
    asked: int | None, most: int, gpt2: CausalLM
) -> None:
    request = CompleteText(prompt="the", max_tokens=asked)
    assert gpt2.row(request, 0).sampling.max_new_tokens == most
    assert answered(gpt2, request)[1].tokens <= most


def test_what_a_person_does_not_say_comes_from_the_model(gpt2_folder: Path) -> None:
    defaults = Defaults(
        max_new_tokens=5, temperature=0.5, top_k=7, top_p=0.8, repetition_penalty=1.2, stop=("END",)
    )
    model = Model(id="x", task="complete", family="causal_lm", defaults=defaults)
    family = load(model, gpt2_folder)
    row = family.row(CompleteText(prompt="the"), 99)
    sampling = row.sampling
    assert row.stop == ("END",)
    assert (sampling.temperature, sampling.top_k, sampling.top_p) == (0.5, 7, 0.8)
    assert (sampling.repetition_penalty, sampling.seed) == (1.2, 99)
    cold = family.row(CompleteText(prompt="the", temperature=0.0), 0)
    assert cold.sampling.temperature == 0.0


def test_a_prompt_that_leaves_no_room_is_refused_with_fact_limit_and_next_step(
    gpt2: CausalLM,
) -> None:
    room = WINDOW - DEFAULTS.max_new_tokens
    whole = CompleteText(prompt="\n" * room)
    assert len(gpt2.row(whole, 0).ids) == room
    assert answered(gpt2, whole)[1].tokens <= DEFAULTS.max_new_tokens
    with pytest.raises(UserError) as caught:
        gpt2.row(CompleteText(prompt="\n" * (room + 1)), 0)
    said = str(caught.value)
    assert f"is {room + 1} tokens long" in said
    assert f"Tiny GPT-2 reads at most {room}" in said
    assert said.endswith("Shorten it and ask again.")


def test_the_models_own_limit_of_tokens_holds(gpt2_folder: Path) -> None:
    limits = Limits(max_input_tokens=10, max_new_tokens=16)
    model = Model(id="x", task="complete", family="causal_lm", limits=limits, defaults=DEFAULTS)
    family = load(model, gpt2_folder)
    assert len(family.row(CompleteText(prompt="\n" * 10), 0).ids) == 10
    with pytest.raises(UserError, match="11 tokens long; x reads at most 10 "):
        family.row(CompleteText(prompt="\n" * 11), 0)


def test_missing_weights_are_for_the_operator(gpt2_folder: Path, tmp_path: Path) -> None:
    for file in gpt2_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    del weights["transformer.h.1.mlp.c_fc.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(OperatorError) as caught:
        load(PLAIN, tmp_path)
    assert "lacks 1 weights" in str(caught.value)
    assert "transformer.h.1.mlp.c_fc.weight" in str(caught.value)
    assert "python -m bot models fetch tiny-gpt2" in str(caught.value)


def test_weights_are_held_as_the_entry_says_and_counted_once(gpt2_folder: Path) -> None:
    sizes = {}
    for dtype in ("float32", "bfloat16"):
        model = Model(id="x", task="complete", family="causal_lm", dtype=dtype, defaults=DEFAULTS)
        sizes[dtype] = load(model, gpt2_folder).size_bytes()
    file = (gpt2_folder / "model.safetensors").stat().st_size
    assert sizes["float32"] == 2 * sizes["bfloat16"]
    assert sizes["float32"] <= file < 1.2 * sizes["float32"]


def test_a_net_that_counts_no_positions_is_given_a_window(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = BloomConfig(vocab_size=320, hidden_size=32, n_layer=1, n_head=2, eos_token_id=0)
    family = load(PLAIN, saved(tmp_path, BloomForCausalLM(config), byte_level()))
    assert answered(family, CompleteText(prompt="the"))[1].text.startswith("the")
    with pytest.raises(UserError, match="reads at most 2040 "):
        family.row(CompleteText(prompt="\n" * 3000), 0)


TURNS = (
    Turn(job_id="1", question="Where?", answer="There."),
    Turn(job_id="2", question="Who?", answer="They."),
)


def test_a_conversation_becomes_turns_of_the_template(
    chat: CausalLM, prompt_of: Callable[[CausalLM, Any], str]
) -> None:
    request = AnswerQuestion(question="Why?", turns=TURNS)
    assert prompt_of(chat, request) == (
        "[system] Be brief.\n[user] Where?\n[assistant] There.\n[user] Who?\n[assistant] They.\n"
        "[user] Why?\n[assistant] "
    )
    assert answered(chat, request)[1].recalled == 2


def test_the_oldest_turns_make_room(
    chat: CausalLM, prompt_of: Callable[[CausalLM, Any], str]
) -> None:
    long = Turn(job_id="0", question="What? " * 40, answer="That.")
    request = AnswerQuestion(question="Why?", turns=(long, *TURNS))
    read = prompt_of(chat, request)
    assert "What?" not in read
    assert "[user] Where?\n[assistant] There.\n" in read
    assert answered(chat, request)[1].recalled == 2
    buried = AnswerQuestion(question="Why?", turns=(*TURNS, long))
    assert prompt_of(chat, buried) == prompt_of(chat, AnswerQuestion(question="Why?"))
    assert answered(chat, buried)[1].recalled == 0


def test_a_turn_whose_words_are_gone_is_left_out(
    chat: CausalLM, prompt_of: Callable[[CausalLM, Any], str]
) -> None:
    request = AnswerQuestion(question="Why?", turns=(Turn(job_id="9"), TURNS[1]))
    assert "[system] Be brief.\n[user] Who?" in prompt_of(chat, request)
    assert answered(chat, request)[1].recalled == 1


def test_a_question_about_a_text_has_no_turns(
    chat: CausalLM, prompt_of: Callable[[CausalLM, Any], str]
) -> None:
    request = AnswerQuestion(question="Why?", context="So.", turns=TURNS)
    assert "There." not in prompt_of(chat, request)


def test_without_a_template_turns_are_lines(
    llama_folder: Path, prompt_of: Callable[[CausalLM, Any], str]
) -> None:
    plain = load(Model(
        id="plain", task="ask", family="causal_lm", checkpoint="x", limits=LIMITS,
        defaults=DEFAULTS,
    ), llama_folder)  # fmt: skip
    request = AnswerQuestion(question="Why?", turns=TURNS[:1])
    assert prompt_of(plain, request).strip() == "Where?\nThere.\nWhy?"
