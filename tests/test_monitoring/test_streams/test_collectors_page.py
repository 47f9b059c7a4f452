"""The commands of docs/how-to/collectors.md do what the page says."""

from __future__ import annotations

import asyncio
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lensong.monitoring.streams.collecting import read_pushed
from lensong.monitoring.streams.sample import StreamSample
from lensong.monitoring.streams.target import KINDS
from tests.test_monitoring.test_streams.rough_server import answer, serving
from tests.waiting import PATIENCE_S

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "collectors.md"
NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
PROGRESS = """frame=25
total_size=300000
out_time_us=1000000
progress=continue
frame=50
total_size=600000
out_time_us=2000000
progress=continue
"""
LINE = '{"sid":7,"time":900,"link":{"rtt":40.5},"recv":{"packets":9,"bytes":11844}}\n'


def commands(kind: str) -> str:
    blocks = re.findall(r"```bash\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 3
    (loop,) = [block for block in blocks if f"kind={kind}" in block]
    return f"{blocks[0]}{loop}"


@pytest.mark.parametrize(
    ("kind", "program", "written", "count"),
    [("ffmpeg", r"ffmpeg [^|]*", PROGRESS, 2), ("srt", r"tail [^|]*", LINE * 3, 3)],
)
def test_what_a_program_writes_arrives_as_it_is_understood(
    kind: str, program: str, written: str, count: int, tmp_path: Path
) -> None:
    (tmp_path / "written").write_text(written)
    script = re.sub(rf"^{program}\|", "cat written |", commands(kind), flags=re.MULTILINE)
    assert "cat written |" in script
    bodies: list[tuple[str, str]] = []

    async def receive(request: str, writer: asyncio.StreamWriter) -> None:
        head, _, body = request.partition("\r\n\r\n")
        bodies.append((head, body))
        await answer("{}")(request, writer)

    async def whole() -> None:
        async with serving(receive) as base:
            run = subprocess.run
            done = await asyncio.to_thread(
                run,
                ["bash", "-euc", f"url={base}/api/v1 site=binh-lu token=t0ken\n{script}"],
                cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr

    asyncio.run(whole())
    assert len(bodies) == count
    head, body = bodies[-1]
    assert f"POST /api/v1/sites/binh-lu/stream/{kind} " in head
    assert "Bearer t0ken" in head
    assert "text/plain" in head
    outcome = read_pushed(kind, body, at=NOW)
    assert isinstance(outcome, list)
    (sample,) = outcome
    assert isinstance(sample, StreamSample)
    assert sample.received_bytes_total == (600_000 if kind == "ffmpeg" else 11_844)


def test_every_kind_is_on_the_page() -> None:
    text = PAGE.read_text("utf-8")
    for kind in KINDS:
        assert text.count(f"`{kind}`") >= 2, kind
