"""Recording: what members do becomes a scenario, a test, and the same answers once more."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.playground.member import Member, Refused
from bot.playground.records import Upload
from bot.playground.replaying import NotReplayed, Replay
from bot.playground.retelling import Seen, retold
from bot.playground.scenario import (
    Click,
    Complete,
    Delete,
    Edit,
    File,
    Fill,
    Invoke,
    Menu,
    React,
    Say,
    Select,
    Target,
    UnreadableScenario,
    read,
    typed,
    written,
)
from bot.playground.server import Playground
from tests.playground.conftest import JoinsAs

LETTER = Upload("letter.txt", b"Dear Sam, " * 40)


async def an_afternoon(robin: Member, sam: Member) -> list[str]:
    """Do one of everything; return what was answered."""
    answers = []
    echoed = await robin.invoke("echo", text="hello", private=True)
    answers.append((await echoed.settled())["content"])
    mirrored = await robin.invoke("mirror", image=Upload("a.txt", b"abc"))
    answers.append((await mirrored.settled())["content"])
    panel = await robin.invoke("panel", channel_id=robin.dm_channel_id)
    await panel.settled()
    answers.append((await (await robin.select(panel, ["Apple", "Cherry"])).settled())["content"])
    whisper = await robin.click(panel, "Whisper")
    answers.append((await whisper.settled())["content"])
    form = await sam.invoke("note")
    await form.settled()
    filled = await sam.submit_modal(form, Subject="Hi", Tone="bold", Papers=[LETTER])
    answers.append((await filled.settled())["content"])
    said = await sam.say("read me", [Upload("b.txt", b"beta")])
    answers.append((await (await robin.context_menu("Read text", said)).settled())["content"])
    answers.append((await (await robin.context_menu("Wave", sam.id)).settled())["content"])
    await robin.react(said, "👍")
    reply = await robin.say("I have", reply_to=said, ping=False)
    await robin.edit(reply, "I have not")
    await robin.delete(reply)
    loaded = await robin.invoke("model load", name="gpt2")
    answers.append((await loaded.settled())["content"])
    return answers


async def test_an_afternoon_is_played_again_with_the_same_answers(
    robin: Member, playground: Playground, joins: JoinsAs
) -> None:
    recorder = playground.panel.recorder
    recorder.start()
    answers = await an_afternoon(robin, await joins("stranger"))
    recorder.stop()
    await robin.invoke("echo", text="not recorded")
    steps, _ = recorder.recorded()
    again = read(written(steps))
    assert again == steps
    async with Replay(playground.address, patience_s=10) as replay:
        played = await replay.play_all(again)
    replayed = [p.message["content"] for p in played if p.invocation and p.invocation.message]
    changed = answers[2]  # stands on the message of two steps
    assert [one for one in replayed if one in answers] == [*answers[:2], changed, *answers[2:]]
    assert [typed(step) for step in steps] == [
        "/echo text:hello private:True",
        "/mirror image:a.txt",
        "/panel",
        "picks Apple, Cherry on the answer to 3",
        "[Whisper] on the answer to 3",
        "/note",
        "fills in the form of the answer to 6 Subject:Hi Tone:bold Papers",
        "read me b.txt",
        "Read text on the answer to 8",
        "Wave on stranger",
        "👍 on the answer to 8",
        "I have",
        "edits the answer to 12: I have not",
        "deletes the answer to 12",
        "/model load name:gpt2",
    ]
    assert [step.persona for step in steps][4:8] == ["member", "stranger", "stranger", "stranger"]
    assert steps[2].channel == "dm"


async def test_the_test_that_is_written_passes_and_can_fail(
    robin: Member, playground: Playground, joins: JoinsAs, tmp_path: Path
) -> None:
    recorder = playground.panel.recorder
    recorder.start()
    await an_afternoon(robin, await joins("stranger"))
    recorder.stop()
    steps, seen = recorder.recorded()
    code = retold(steps, seen, "an_afternoon")
    (tmp_path / "test_it.jsonl").write_text(written(steps))
    house: Any = SimpleNamespace(playground=playground)
    module = loaded(code, tmp_path / "test_it.py")
    await module.test_an_afternoon(house)
    assert max(map(len, code.splitlines())) <= 100
    lies = (
        ('"apple+cherry" in', '"apple+banana" in'),
        ('"hello" in', '"goodbye" in'),
        ("assert answer_1.ephemeral", "assert not answer_1.ephemeral"),
        ("""'mirrored.bin'""", "'other.bin'"),
    )
    for true, false in lies:
        true, false = (true, false) if true in code else (true.replace("'", '"'), false)
        assert true in code, code
        with pytest.raises(AssertionError):
            await loaded(code.replace(true, false), tmp_path / "test_it.py").test_an_afternoon(
                house
            )


def loaded(code: str, path: Path) -> Any:
    """Run the text of a module as if it stood in a file."""
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    exec(compile(code, path, "exec"), module.__dict__)
    return module


async def test_names_that_python_keeps_for_itself_and_long_texts_are_written_well() -> None:
    long = 'Once upon a time there was a "lighthouse" and nobody\'s keeper. ' * 4
    steps = [
        Invoke(command="translate", options={"text": long, "from": "en"}),
        Click(on=Target(step=1), button="Again", persona="manager"),
        Click(on=Target(text="Ahoy"), button="x"),
    ]
    code = retold(steps, [None, None, None])
    compile(code, "test", "exec")
    assert '**{"from": "en"}' in code
    assert 'answer_2 = await manager.click(answer_1, "Again")' in code
    assert max(len(line) for line in code.splitlines() if "messages()" not in line) <= 100
    assert repr(long)[5:40] in code.replace("\n", "")


async def test_nothing_refused_is_recorded(robin: Member, playground: Playground) -> None:
    recorder = playground.panel.recorder
    recorder.start()
    for wrong in ({"name": 1}, {}):
        with pytest.raises(Refused):
            await robin.invoke("fruit", **wrong)
    with pytest.raises(Refused):
        await robin.invoke("no-such-command")
    half = await robin.invoke("echo", text="half a character: \ud83d")
    await half.acknowledged()
    assert recorder.recorded() == ([], [])


async def test_a_step_about_what_was_there_before_brings_it_along(
    robin: Member, playground: Playground
) -> None:
    panel = await robin.invoke("panel")
    await panel.settled()
    recorder = playground.panel.recorder
    recorder.start()
    await (await robin.click(panel, "Again")).settled()
    steps, seen = recorder.recorded()
    assert [typed(step) for step in steps] == ["/panel", "[Again] on the answer to 1"]
    assert [one.response for one in seen if one] == ["message", "update"]


async def test_choices_are_part_of_a_scenario(robin: Member, playground: Playground) -> None:
    async with Replay(playground.address, patience_s=5) as replay:
        played = await replay.play(Complete(command="fruit", option="name", text="ap"))
    assert [choice["name"] for choice in played.choices] == ["apple", "apricot"]


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (Invoke(command="nothing"), "There is no command “nothing” here"),
        (Click(on=Target(text="nobody said this"), button="x"), "no message begins with"),
        (Invoke(command="echo", options={"text": "a"}, channel="attic"), "no channel “attic”"),
        (Invoke(command="wait"), "nothing came within 0.3 s"),
    ],
)
async def test_a_step_that_fails_is_named(
    robin: Member, playground: Playground, step: Any, why: str
) -> None:
    async with Replay(playground.address, patience_s=0.3) as replay:
        with pytest.raises(NotReplayed, match=f"^Step 1, .*{why}"):
            await replay.play(step)


async def test_a_persona_that_is_not_there_is_named(robin: Member, playground: Playground) -> None:
    async with Replay(playground.address) as replay:
        with pytest.raises(NotReplayed, match=r"^Step 1: there is no persona “ghost”"):
            await replay.play(Invoke(command="echo", options={"text": "a"}, persona="ghost"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "Line 1 is no step"),
        ('\n{"do":"dance"}', "Line 2 is no step: Invalid value 'dance'"),
        ('{"do":"invoke","command":"a","option":{}}', "unknown field `option`"),
        ('{"do":"click","on":{"step":1},"button":"a"}', "Line 1 is about step 1, a later one"),
    ],
)
def test_a_file_that_is_no_scenario_says_where(text: str, why: str) -> None:
    with pytest.raises(UnreadableScenario, match=why):
        read(text)


def test_files_stand_inside_a_scenario() -> None:
    step = Invoke(command="ocr", files={"image": File("a.png", b"\x00\xff")})
    assert written([step]) == (
        '{"do":"invoke","command":"ocr","files":{"image":{"name":"a.png","data":"AP8="}}}\n'
    )
    assert read(written([step])) == [step]


async def test_the_page_records_saves_and_plays(robin: Member, playground: Playground) -> None:
    async with aiohttp.ClientSession(f"{playground.address}/playground/panel/") as session:
        async with session.post("replay", json={}) as response:
            assert response.status == 400
        await session.post("recording", json={"on": True})
        await (await robin.invoke("echo", text="again and again")).settled()
        await session.post("recording", json={"on": False})
        async with session.get("recorded.py") as response:
            assert 'member.invoke("echo", text="again and again")' in await response.text()
        async with session.get("recorded.jsonl") as response:
            scenario = await response.text()
        assert len(read(scenario)) == 1
        async with session.post("replay", json={"scenario": scenario}) as response:
            assert response.status == 200
        async with asyncio.timeout(30):
            while playground.panel.state()["replay"]["running"] is not False:
                await asyncio.sleep(0.01)
            while playground.panel.state()["replay"]["said"] == "":
                await asyncio.sleep(0.01)
            while playground.panel.state()["replay"]["running"]:
                await asyncio.sleep(0.01)
        assert playground.panel.state()["replay"]["said"] == "All 1 steps were answered."
        said = [m["content"] for m in await robin.messages()]
        assert said == ["again and again"] * 2


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=150)
values = st.dictionaries(words, words | st.integers() | st.booleans(), max_size=3)
uploads = st.builds(File, words, st.binary(max_size=200))
targets = st.just(Target(step=1)) | st.builds(Target, text=words)
steps_after = st.lists(
    st.builds(Click, on=targets, button=words)
    | st.builds(Select, on=targets, values=st.lists(words), select=st.none() | words)
    | st.builds(Fill, on=st.just(Target(step=1)), values=values,
                files=st.dictionaries(words, st.lists(uploads, max_size=2), max_size=2))
    | st.builds(Say, text=words, files=st.lists(uploads, max_size=2), on=st.none() | targets)
    | st.builds(Menu, command=words, on=targets)
    | st.builds(React, on=targets, emoji=words, present=st.booleans())
    | st.builds(Edit, on=targets, text=words, channel=words, persona=words)
    | st.builds(Delete, on=targets, channel=words, persona=words),
    max_size=4,
)  # fmt: skip
answers = st.none() | st.builds(
    Seen,
    response=st.sampled_from(["message", "deferred", "update", "deferred_update", "modal", None]),
    content=words, ephemeral=st.booleans(), files=st.lists(words, max_size=2),
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_was_typed_the_file_reads_back_and_the_test_is_python(data: st.DataObject) -> None:
    invoke = data.draw(
        st.builds(Invoke, command=words, options=values, files=st.dictionaries(words, uploads))
    )
    steps = [invoke, *data.draw(steps_after)]
    assert read(written(steps)) == steps
    seen = [data.draw(answers) for _ in steps]
    compile(retold(steps, seen), "test_it.py", "exec")
