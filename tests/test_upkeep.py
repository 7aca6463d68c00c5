"""The catalogue is read again while a bot runs; what is told names no path of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from bot.catalogue.catalogue import Catalogue
from bot.catalogue.model import Model
from bot.config import Config, load_config
from bot.doctor import Finding
from bot.errors import OperatorError, UserError
from bot.ui.limits import CONTENT
from bot.ui.upkeep import catalogue_reloaded, findings_card
from bot.upkeep import Changes, Upkeep, without_paths

MINE = """
[[model]]
id = "mine"
task = "complete"
family = "causal_lm"
checkpoint = "my-model"
limits = { max_new_tokens = 64 }
"""
OTHER = """
[[model]]
# another
id = "other"
task = "complete"
family = "causal_lm"
checkpoint = "my-model"
"""

Entries = Mapping[str, Model | None]


class Bench:
    """An upkeep of a catalogue that a file describes, and what it told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[Entries] = []
        self.configs: list[Config] = []
        config = self.start = self.read()
        self.catalogue = Catalogue.load(config.model)
        environ = {
            "MENAGERIE_CACHE": str(path.parent / "my cache"),
            "MENAGERIE_STATE": str(path.parent / "state"),
        }
        self.upkeep = Upkeep(
            config, environ, self.catalogue,
            reread=self.read, follow=self.follow, workers=lambda: 0,
        )  # fmt: skip

    def follow(self, entries: Entries, config: Config) -> None:
        self.told.append(entries)
        self.configs.append(config)

    def read(self) -> Config:
        return load_config(self.path, {})

    def write(self, *entries: str, head: str = "") -> None:
        self.path.write_text(head + "".join(entries))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    path = tmp_path / "config.toml"
    path.write_text(MINE)
    return Bench(path)


async def test_models_come_change_and_go(bench: Bench) -> None:
    packaged = len(bench.catalogue) - 1
    assert await bench.upkeep.reload_catalogue() == Changes()
    bench.write(MINE.replace("64", "32"), OTHER)
    assert await bench.upkeep.reload_catalogue() == Changes(added=("other",), changed=("mine",))
    assert bench.catalogue.get("mine").limits.max_new_tokens == 32
    assert bench.told[-1] == {
        "mine": bench.catalogue.get("mine"), "other": bench.catalogue.get("other")
    }  # fmt: skip
    bench.write(OTHER)
    assert await bench.upkeep.reload_catalogue() == Changes(removed=("mine",))
    assert bench.told[-1] == {"mine": None}
    assert "mine" not in bench.catalogue
    assert len(bench.catalogue) == packaged + 1


async def test_the_choice_of_models_is_followed_and_the_rest_counts_after_a_restart(
    bench: Bench,
) -> None:
    head = """
[defaults]
complete = "mine"
[inference]
preload = ["mine"]
workers = 3
[privacy]
keep_days = 3
"""
    before = bench.configs
    bench.write(MINE, head=head)
    changes = await bench.upkeep.reload_catalogue()
    assert changes == Changes(chosen=True, later=("inference", "privacy"))
    (config,) = before
    assert config.defaults.complete == "mine"
    assert config.inference.preload == ("mine",)
    assert config.inference.workers == bench.start.inference.workers
    assert config.privacy == bench.start.privacy
    assert (await bench.upkeep.reload_catalogue()) == Changes(later=("inference", "privacy"))
    text = await catalogue_reloaded(bench.upkeep)
    assert text.endswith("count after a restart: `[inference]`, `[privacy]`")
    bench.write(OTHER)
    assert (await bench.upkeep.reload_catalogue()).chosen, "nothing prefers what went"
    told = [finding.text for finding in await bench.upkeep.findings()]
    assert not [text for text in told if "mine" in text]


@pytest.mark.parametrize(
    ("head", "entries", "said"),
    [
        ("", (MINE.replace("= 64", "= -1"),), "config.toml, line 7, [[model]] 'mine' limits.max"),
        ("", (OTHER, MINE.replace("causal_lm", "casual_lm")), "config.toml, line 12, [[model]] 'm"),
        ("", (MINE, MINE), "config.toml, line 9, [[model]] 'mine': this id is there twice."),
        (
            "",
            (MINE.replace("checkpoint", "repo"), OTHER.replace("checkpoint", "note")),
            "config.toml, line 9, Model 'other': it needs either 'repo' or 'checkpoint'",
        ),
        ("", ("[[model]]\nname = 'x'",), "config.toml, line 1, [[model]] number 1: the key 'id'"),
        ("", (MINE, "x = = 1"), "config.toml: this is not TOML: invalid value (at line 8"),
        ("[log]\nlevel = 'loud'\n", (MINE,), "config.toml, [log] level: it must be one of"),
        ("[defaults]\ncomplete = 'gone'\n", (MINE,), "the configuration, [defaults] complete:"),
    ],
    ids=["key", "family", "twice", "no source", "no id", "no TOML", "table", "choice"],
)
async def test_what_is_wrong_leaves_everything_and_names_the_line(
    bench: Bench, head: str, entries: tuple[str, ...], said: str
) -> None:
    before = list(bench.catalogue)
    bench.write(*entries, head=head)
    with pytest.raises(OperatorError) as caught:
        await bench.upkeep.reload_catalogue()
    assert str(caught.value).startswith(said)
    assert str(bench.path.parent) not in str(caught.value)
    assert list(bench.catalogue) == before
    assert bench.told == []
    bench.write(MINE)
    assert await bench.upkeep.reload_catalogue() == Changes()


async def test_without_a_file_nothing_is_read(bench: Bench) -> None:
    follow = partial(pytest.fail, "nothing has changed")
    config = bench.read()
    bare = Upkeep(config, {}, bench.catalogue, reread=None, follow=follow, workers=lambda: 0)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="without a configuration"):
        await bare.reload_catalogue()


async def test_the_doctor_names_no_path(bench: Bench) -> None:
    findings = {finding.subject: finding for finding in await bench.upkeep.findings()}
    assert findings["workers"].state == "bad"
    assert findings["cache folder"].text.startswith("my cache, ")
    assert not [f for f in findings.values() if str(bench.path.parent) in f.text]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/home/me/.cache/menagerie, 7 MB free", "menagerie, 7 MB free"),
        ("in /etc/bot/config.toml: /complete and /ocr", "in config.toml: /complete and /ocr"),
        (r"C:\Users\me\x.db is locked", "x.db is locked"),
        ("facebook/opt-125m of https://huggingface.co/facebook", None),
        ("~/models/mine/ is no folder", "… is no folder"),
    ],
)
def test_paths_lose_their_folders(text: str, told: str | None) -> None:
    assert without_paths(text) == (told or text)


def test_what_is_bad_comes_first_and_all_fits_a_message() -> None:
    many = [Finding(f"thing {n}", "bad", "word " * 80) for n in range(40)]
    assert len(findings_card(many)) <= CONTENT
    card = findings_card(
        [Finding("Python", "good", "3.11"), Finding("token", "fair", "none"),
         Finding("store", "bad", "broken")]
    )  # fmt: skip
    assert card.split("\n")[1:6] == [
        "**Bad**", "- store: broken", "**Worth knowing**", "- token: none", "**Good**: Python"
    ]  # fmt: skip
