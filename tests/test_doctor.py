"""The doctor: a checkpoint that is damaged, a module that is missing, a store that is none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bot import doctor
from bot.catalogue.catalogue import Catalogue
from bot.catalogue.model import Model
from bot.config import Config, Inference, Licences
from bot.doctor import Finding, examine, exit_code, show
from bot.inference.local import LocalExecutor

CONFIG = Config(inference=Inference(workers=1, threads=1))
ONNX = "PP-OCRv6_rec_small.onnx"
LONG = "word " * 40 + "end"

Findings = dict[str, Finding]


@pytest.fixture
def cache(starters: Path, tmp_path: Path) -> Path:
    """A cache of its own, with the smaller starters in it."""
    for model in ("ppocr", "magenta-styles"):
        place = Path("checkpoints") / model
        shutil.copytree(starters / place, tmp_path / "cache" / place)
    return tmp_path / "cache"


@pytest.fixture
def environ(cache: Path, tmp_path: Path) -> dict[str, str]:
    return {"MENAGERIE_CACHE": str(cache), "MENAGERIE_STATE": str(tmp_path / "state")}


@pytest.fixture
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the workers out: another test starts them."""

    async def none(*_: object) -> Finding:
        return Finding("workers", "good", "left out")

    monkeypatch.setattr(doctor, "_workers", none)


async def found(environ: dict[str, str]) -> Findings:
    return {finding.subject: finding for finding in await examine(CONFIG, environ)}


@pytest.mark.usefixtures("no_workers")
async def test_whole_checkpoints_are_good(environ: dict[str, str]) -> None:
    findings = await found(environ)
    assert findings["/ocr"] == Finding("/ocr", "good", "ppocr")
    assert findings["/restyle"] == Finding("/restyle", "good", "magenta-styles")
    assert findings["checkpoints"].state == "good"
    ours = sum(1 for model in Catalogue.load() if str(model.checkpoint).startswith("ours:"))
    assert findings["checkpoints"].text.startswith(f"{2 + ours} here")
    assert "models fetch smollm2-135m-instruct" in findings["/complete"].text
    assert findings["/complete"].state == "fair"
    assert "store" not in findings
    assert exit_code(list(findings.values())) == 0


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.usefixtures("no_workers")
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (zero, f"{ONNX} has changed"),
        (shorten, f"{ONNX} has 1,000 bytes, not 21,234,383"),
        (Path.unlink, f"{ONNX} is missing"),
    ],
    ids=["zeroed", "shortened", "missing"],
)
async def test_a_damaged_checkpoint_is_bad_and_named(
    damage: Callable[[Path], None], said: str, environ: dict[str, str], cache: Path
) -> None:
    folder = cache / "checkpoints" / "ppocr"
    damage(folder / ONNX)
    findings = await found(environ)
    assert findings["checkpoint"].state == findings["/ocr"].state == "bad"
    assert said in findings["checkpoint"].text
    assert "Mend it: python -m bot models fetch ppocr" in findings["checkpoint"].text
    assert "ppocr" in findings["/ocr"].text
    assert findings["/restyle"].state == "good"
    assert "checkpoints" not in findings
    assert exit_code(list(findings.values())) == 1


@pytest.mark.usefixtures("no_workers")
async def test_a_model_that_may_not_be_used_is_named_with_the_reason(
    environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "opt").mkdir()
    own = Model(
        id="mine", name="Mine", task="complete", family="causal_lm", acknowledge="terms",
        checkpoint=str(tmp_path / "opt"),
    )  # fmt: skip
    findings = {f.subject: f for f in await examine(Config(model=(own,)), environ)}
    assert "mine" not in findings["/complete"].text
    assert findings["not used"].state == "fair"
    assert findings["not used"].text.startswith("mine is here. Mine is only for those who accept")
    accepted = Config(model=(own,), licences=Licences(accepted=("terms",)))
    findings = {f.subject: f for f in await examine(accepted, environ)}
    assert "not used" not in findings
    assert "mine" in findings["/complete"].text


@pytest.mark.usefixtures("no_workers")
async def test_a_model_of_another_source_is_no_damage(environ: dict[str, str], cache: Path) -> None:
    """What an older version fetched is fetched anew; nobody need delete anything."""
    path = cache / "checkpoints" / "ppocr" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["source"]["version"] = "0.0.1"
    path.write_text(json.dumps(manifest))
    findings = await found(environ)
    assert findings["/ocr"].state == "fair"
    assert "models fetch ppocr" in findings["/ocr"].text
    assert "checkpoint" not in findings


@pytest.mark.usefixtures("no_workers")
async def test_a_store_that_is_none_is_bad_and_stays_as_it_is(
    environ: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "state" / "menagerie.db"
    path.parent.mkdir()
    path.write_text("no database at all " * 100)
    findings = await found(environ)
    assert findings["store"].state == "bad"
    assert "file is not a database" in findings["store"].text
    assert path.read_text() == "no database at all " * 100
    assert exit_code(list(findings.values())) == 2


async def test_workers_that_can_import_everything_are_good(environ: dict[str, str]) -> None:
    (finding,) = [f for f in await examine(CONFIG, environ) if f.subject == "workers"]
    assert finding.state == "good"


async def test_a_module_that_workers_cannot_import_is_named(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = property(lambda _: ("bot.families.ocr", "bot.families.style"))
    monkeypatch.setattr(LocalExecutor, "missing_modules", missing)
    (finding,) = [f for f in await examine(CONFIG, environ) if f.subject == "workers"]
    assert finding.state == "bad"
    assert finding.text.startswith("cannot import bot.families.ocr, bot.families.style;")


def test_a_file_gets_each_finding_whole_on_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show([Finding("machine", "bad", LONG), Finding("/ask", "good", "[x] y")], as_json=False)
    assert capsys.readouterr().out == f"bad   machine  {LONG}\ngood  /ask     [x] y\n"


def test_machines_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    show([Finding("machine", "bad", LONG)], as_json=True)
    assert json.loads(capsys.readouterr().out) == [
        {"subject": "machine", "state": "bad", "text": LONG}
    ]
