"""ModemManager's answers, in the form of its ``mmcli --output-json``."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lensong.monitoring.probe.modem import NO_SIGNAL, Signal, read_signal, run_mmcli


def modem(*technologies: str, operator: str = "Viettel") -> dict[str, Any]:
    return {
        "modem": {
            "3gpp": {"operator-code": "45204", "operator-name": operator},
            "generic": {"access-technologies": list(technologies), "model": "EC25"},
        }
    }


def levels(**groups: dict[str, str]) -> dict[str, Any]:
    unknown = {"rsrp": "--", "rsrq": "--", "rssi": "--", "snr": "--"}
    signal = {"5g": unknown, "lte": unknown, "umts": {"rscp": "--"}, "refresh": {"rate": "5"}}
    return {"modem": {"signal": signal | groups}}


class Mmcli:
    def __init__(self, modem_: object, levels_: object) -> None:
        self.modem, self.levels = modem_, levels_
        self.asked: list[list[str]] = []

    def __call__(self, arguments: Sequence[str]) -> str | None:
        self.asked.append(list(arguments))
        if any("setup" in argument for argument in arguments):
            return ""
        answer = self.levels if "--signal-get" in arguments else self.modem
        return answer if answer is None or isinstance(answer, str) else json.dumps(answer)


def test_an_lte_modem_is_read() -> None:
    mmcli = Mmcli(modem("lte"), levels(lte={"rsrp": "-98.00", "rsrq": "-11.00", "snr": "9.20"}))
    assert read_signal(mmcli) == Signal(
        technology="4G", operator="Viettel", rsrp_dbm=-98.0, sinr_db=9.2
    )
    assert ["-m", "any", "--signal-setup=5"] in mmcli.asked


def test_on_two_technologies_the_newest_counts() -> None:
    mmcli = Mmcli(
        modem("lte", "5gnr"),
        {"modem": {"signal": {"lte": {"rsrp": "-98.00"}, "5g": {"rsrp": "-104.50", "snr": "3.0"}}}},
    )
    signal = read_signal(mmcli)
    assert (signal.technology, signal.rsrp_dbm, signal.sinr_db) == ("5G", -104.5, 3.0)


@pytest.mark.parametrize("name", ["umts", "hspa-plus", "hsdpa", "hsupa"])
def test_3g_has_many_names(name: str) -> None:
    assert read_signal(Mmcli(modem(name), levels())).technology == "3G"


@pytest.mark.parametrize("names", [["gsm"], ["edge"], ["unknown"], []])
def test_another_technology_is_unknown(names: list[str]) -> None:
    assert read_signal(Mmcli(modem(*names), levels())).technology is None


def test_what_the_modem_does_not_say_is_unknown_not_zero() -> None:
    signal = read_signal(Mmcli(modem("lte", operator="--"), levels()))
    assert signal == Signal(technology="4G")


@pytest.mark.parametrize("rsrp", ["0.00", "-200.00", "nan", "inf", "strong", "", "--"])
def test_levels_that_cannot_be_are_unknown(rsrp: str) -> None:
    assert read_signal(Mmcli(modem("lte"), levels(lte={"rsrp": rsrp}))).rsrp_dbm is None


@pytest.mark.parametrize(
    "answer", [None, "", "{", "[]", "null", '{"modem": 7}', '{"modem": {"generic": []}}']
)
def test_no_modem_or_a_strange_answer_is_no_signal(answer: str | None) -> None:
    assert read_signal(Mmcli(answer, answer)) == NO_SIGNAL


def _program(folder: Path, script: str) -> None:
    program = folder / "mmcli"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_the_program_is_run_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    _program(tmp_path, 'echo "$@"')
    assert run_mmcli(["-J", "-m", "any"]) == "-J -m any\n"
    _program(tmp_path, "exit 1")
    assert run_mmcli(["-J"]) is None


def test_without_the_program_there_is_no_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run_mmcli(["-J"]) is None
    assert read_signal() == NO_SIGNAL
