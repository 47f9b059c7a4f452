"""Progress goes to stderr, sparingly where nobody watches."""

from __future__ import annotations

import pytest

from lensong.cli.console import Console, grouped


def test_a_short_stage_leaves_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    with console.working():
        console.progress("sweeps", 0, 2)
        console.progress("sweeps", 2, 2)
    assert capsys.readouterr() == ("", "")


def test_a_long_stage_leaves_one_line_on_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.0, 5.0, 30.0])
    monkeypatch.setattr("lensong.cli.console.time.monotonic", lambda: next(clock))
    console = Console()
    with console.working():
        for done in range(3):
            console.progress("sweeps", done, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "sweeps: done in 30.0 s\n"


def test_a_very_long_stage_tells_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.0, 25.0, 26.0])
    monkeypatch.setattr("lensong.cli.console.time.monotonic", lambda: next(clock))
    share = Console().share("sweeps")
    for done in (0.0, 0.25, 0.26):
        share(done)
    assert capsys.readouterr().err == "sweeps: 25%\n"


def test_quiet_says_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.0, 50.0])
    monkeypatch.setattr("lensong.cli.console.time.monotonic", lambda: next(clock, 100.0))
    console = Console(quiet=True)
    with console.working():
        console.progress("sweeps", 0, 1)
        console.progress("sweeps", 1, 1)
        console.say("hello")
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_bars(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    console = Console()
    with console.working():
        console.progress("sweeps", 1, 2)
        console.progress("sweeps", 2, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "sweeps" in err
    assert "100%" in err


def test_thousands_are_grouped() -> None:
    assert grouped(38_441.6) == "38,442"
