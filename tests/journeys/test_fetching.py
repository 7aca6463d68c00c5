"""Models fetched from within Discord, by those who run the bot, and used at once."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from bot.catalogue.model import Defaults, Limits, Model
from bot.config import Config, Discord, Inference
from bot.playground.member import Invocation, Member
from tests.catalogue.fakehub import Repositories, served
from tests.decoding.vocabularies import byte_level
from tests.journeys.conftest import House, inhabited
from tests.playground.conftest import JoinsAs

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

MINE = Model(
    id="zoo-gpt2", name="Zoo GPT-2", task="complete", family="causal_lm", repo="zoo/gpt2",
    files=("*.json", "model.safetensors"), licence="zoo licence", acknowledge="zoo",
    attribution="the zoo", limits=Limits(max_new_tokens=8), defaults=Defaults(max_new_tokens=8),
    size_mb=1, params=37_760,
)  # fmt: skip
ABSENT = Model(id="gone", task="complete", family="causal_lm", repo="zoo/gone", licence="MIT")


def tiny_gpt2(folder: Path) -> dict[str, bytes]:
    """Return the files of a repository with a GPT-2 of chance in it."""
    torch.manual_seed(0)
    size = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64, "vocab_size": 320}
    GPT2LMHeadModel(GPT2Config(**size, bos_token_id=0, eos_token_id=0)).save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level(), eos_token="<end>")
    tokenizer.save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Repositories:
    return Repositories({"zoo/gpt2": tiny_gpt2(tmp_path_factory.mktemp("repository"))})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own_house(
    hub: Repositories, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """A bot with nothing in its cache, that fetches from the fake hub."""
    folder = tmp_path_factory.mktemp("own")
    with served(hub) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", address)
        patch.setenv("HF_HOME", str(folder / "hf"))
        patch.delenv("HF_HUB_OFFLINE", raising=False)
        environ = {
            **os.environ,
            "MENAGERIE_CACHE": str(folder / "cache"),
            "MENAGERIE_STATE": str(folder / "state"),
        }
        stranger = 100_000_000_000_000_013
        config = Config(
            discord=Discord(operators=(stranger,)),
            inference=Inference(threads=1, runtime="torch"),
            model=(MINE, ABSENT),
        )
        async with inhabited(config, environ, operators=config.discord.operators) as house:
            yield house


@pytest_asyncio.fixture(loop_scope="module")
async def join(own_house: House) -> AsyncIterator[JoinsAs]:
    async with AsyncExitStack() as stack:

        async def join(persona: str = "member") -> Member:
            return await stack.enter_async_context(Member(own_house.playground.address, persona))

        yield join
    own_house.judge.verdict()


async def told(asked: Invocation, *words: str) -> str:
    """Wait until an answer that only the one who asked sees says this."""

    def says(message: dict[str, Any]) -> bool:
        return message["ephemeral"] and all(word in message["content"] for word in words)

    await asked.settled(60, until=says)
    return asked.content


async def test_a_card_tells_what_a_model_is_to_anybody(join: JoinsAs) -> None:
    member = await join("manager")
    card = await told(await member.invoke("model info", model="zoo-gpt2"), "**Zoo GPT-2**")
    assert "Licence: zoo licence\nCredit: the zoo\n" in card
    assert "Here: no. Zoo GPT-2 is only for those who accept its licence" in card
    offered = await member.autocomplete("model info", "model", "zoo")
    assert [choice["value"] for choice in offered] == ["zoo-gpt2"]
    said = await told(await member.invoke("model info", model="zoo-gpt3"), "There is no model")
    assert "Did you mean 'zoo-gpt2'?" in said


async def test_who_does_not_run_the_bot_may_not_fetch(join: JoinsAs, hub: Repositories) -> None:
    member = await join("manager")  # may manage the server, and yet does not run the bot
    asked = await member.invoke("model fetch", model="zoo-gpt2", accept_licence=True)
    assert "Only those who run this bot may do that" in await told(asked, "Only those")
    assert hub.revisions == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "zoo-gpt2"}, "Here, the option `accept_licence` does it too."),
        ({"model": "opt-13b"}, "OPT 13B is too big: a processor reads all 26 GB"),
        ({"model": "gone"}, "There is no repository zoo/gone on the hub"),
        ({"model": "zoo-gtp2"}, "Did you mean 'zoo-gpt2'?"),
    ],
)
async def test_what_cannot_be_fetched_is_refused_with_the_reason(
    options: dict[str, Any], said: str, join: JoinsAs
) -> None:
    member = await join()
    await told(await member.invoke("model fetch", **options), said)


async def test_a_fetch_shows_how_far_it_is_can_be_stopped_and_goes_on(
    join: JoinsAs, hub: Repositories
) -> None:
    member = await join()
    held = hub.held["model.safetensors"] = threading.Event()
    asked = await member.invoke("model fetch", model="zoo-gpt2", accept_licence=True)
    assert await asked.acknowledged() < 1.0
    await told(asked, "**Zoo GPT-2**: ▰", "% of")
    card = await told(await member.invoke("model info", model="zoo-gpt2"), "Here: **Zoo GPT-2**: ▰")
    assert "% of" in card
    await member.click(asked, "Cancel")
    said = await told(asked, "was stopped")
    assert "`/model fetch model:zoo-gpt2` goes on from there" in said
    assert not asked.message or not asked.message["components"]
    held.set()
    hub.held.clear()
    hub.asked.clear()

    refused = await member.invoke("complete", prompt="x", model="zoo-gpt2")
    await told(refused, "only for those who accept its licence")

    # the configuration's operators may fetch too, though they own nothing
    other = await join("stranger")
    offered = await other.autocomplete("model fetch", "model", "zoo")
    assert [choice["value"] for choice in offered] == ["zoo-gpt2"]
    again = await other.invoke("model fetch", model="zoo-gpt2", accept_licence=True)
    assert "It can do /complete now." in await told(again, "is here")
    assert "GET config.json" not in hub.asked
    assert await other.autocomplete("model fetch", "model", "zoo") == []


async def completed(member: Member) -> str:
    """Ask the fetched model, always for the same."""
    asked = await member.invoke("complete", prompt="the quick", model="zoo-gpt2", seed=1)
    message = await asked.settled(60, until=lambda m: "-# Zoo GPT-2" in m["content"])
    return str(message["content"].partition("\n-# ")[0])


async def test_what_was_fetched_answers_without_a_restart(join: JoinsAs) -> None:
    member = await join("manager")
    assert (await completed(member)).startswith("the quick")
    card = await told(await member.invoke("model info", model="zoo-gpt2"), "Here: yes")
    assert "Licence: zoo licence" in card
    models = await member.invoke("models")
    assert "`zoo-gpt2` · /complete · zoo licence · the zoo" in await told(models, "zoo-gpt2")


async def test_a_damaged_file_is_mended_from_discord_and_loaded_anew(
    join: JoinsAs, own_house: House, hub: Repositories
) -> None:
    member = await join()
    before = await completed(member)
    folder = next(Path(os.environ["HF_HOME"]).parent.glob("cache/checkpoints/zoo-gpt2"))
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-60_000:] = weights[-60_000:][::-1]
    with (folder / "model.safetensors").open("r+b") as file:  # the workers have mapped it
        file.write(weights)
    hub.asked.clear()
    asked = await member.invoke("model fetch", model="zoo-gpt2")  # the licence is remembered
    await told(asked, "is here, every file as it should be")
    assert "GET model.safetensors" in hub.asked
    assert "GET config.json" not in hub.asked
    assert (folder / "model.safetensors").read_bytes() == (
        hub.files["zoo/gpt2"]["model.safetensors"]
    )
    async with asyncio.timeout(30):
        while await completed(member) != before:
            await asyncio.sleep(0.2)


async def test_a_bot_that_stops_says_that_it_stopped_the_fetch(
    join: JoinsAs, own_house: House, hub: Repositories
) -> None:
    member = await join()
    hub.files = {**hub.files, "zoo/gone": hub.files["zoo/gpt2"]}
    held = hub.held["model.safetensors"] = threading.Event()
    asked = await member.invoke("model fetch", model="gone")
    await told(asked, "**gone**: ▰", "% of")
    closing = asyncio.create_task(own_house.client.close())
    await told(asked, "was stopped")
    held.set()
    await closing
