"""What the machine grants, read from files as Linux writes them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bot import machine


def test_a_container_limit_is_less_than_the_machine(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("512000000\n")
    (tmp_path / "meminfo").write_text("MemTotal:       24000000 kB\n")
    assert machine.memory_mb(tmp_path, tmp_path / "meminfo") == 512


def test_no_limit_leaves_the_machine(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "meminfo").write_text("MemTotal:       2000000 kB\n")
    assert machine.memory_mb(tmp_path, tmp_path / "meminfo") == 2048


def test_the_older_kind_of_limit_counts_too(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("300000000\n")
    assert machine.memory_mb(tmp_path, tmp_path / "none") == 300


def test_where_nothing_is_known_a_small_machine_is_assumed(tmp_path: Path) -> None:
    assert machine.memory_mb(tmp_path, tmp_path / "none") == machine.FALLBACK_MB


def test_a_share_of_the_processor_limits_the_cores(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert machine.cores(tmp_path) == 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert machine.cores(tmp_path) >= 1


def test_the_most_that_a_process_had_is_more_than_what_is_its_own() -> None:
    block = bytes(30 * machine.MEGABYTE)
    assert machine.peak_mb(os.getpid()) >= machine.private_mb(os.getpid()) > 30
    assert len(block) == 30 * machine.MEGABYTE
    assert machine.peak_mb(-1) == 0


def test_the_machine_is_described_without_its_name(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor: 0\nmodel name\t: A Processor\n")
    told = machine.described(tmp_path / "cpuinfo")
    assert re.fullmatch(r"\d+ cores? of A Processor, \d+ GB of memory", told)
    assert re.fullmatch(r"\d+ cores?, \d+ GB of memory", machine.described(tmp_path / "none"))
