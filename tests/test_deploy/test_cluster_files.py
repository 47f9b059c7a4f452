"""What the files of a cluster name exists; Kubernetes and SLURM themselves are not here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from lensong.cli.main import lensong
from tests.test_deploy.programs import DEPLOY

SLURM = DEPLOY / "cluster" / "slurm.sh"
PARTS = list(yaml.safe_load_all((DEPLOY / "cluster" / "kubernetes.yaml").read_text("utf-8")))


@cache
def help_of(*command: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "dask", *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def pod(kind: str, *path: str) -> dict[str, Any]:
    found: Any = next(part for part in PARTS if part["kind"] == kind)
    for key in ("spec", *path, "spec"):
        found = found[key]
    (container,) = found["containers"]
    return {**container, "volumes": found.get("volumes", []), "pod": found}


WORKER, SCHEDULER = pod("DaskCluster", "worker"), pod("DaskCluster", "scheduler")
PLAN = pod("Job", "template")


def test_all_pods_run_one_image_and_share_one_volume() -> None:
    assert len({one["image"] for one in (WORKER, SCHEDULER, PLAN)}) == 1
    claim = next(part for part in PARTS if part["kind"] == "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    for one in (WORKER, PLAN):
        (volume,) = one["volumes"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        (mount,) = one["volumeMounts"]
        assert mount == {"name": volume["name"], "mountPath": "/shared"}
        # the user of the image (deploy/container) may write there
        assert one["pod"]["securityContext"] == {"fsGroup": 10001}
    cluster = next(p for p in PARTS if p["kind"] == "DaskCluster")
    address = f"tcp://{cluster['metadata']['name']}-scheduler:8786"
    assert address in PLAN["args"][0]
    (wait,) = PLAN["pod"]["initContainers"]
    assert wait["image"] == PLAN["image"]
    assert f'"{address}"' in wait["args"][0]
    assert f"wait_for_workers({cluster['spec']['worker']['replicas']}," in wait["args"][0]
    compile(wait["args"][0], "wait", "exec")


@pytest.mark.parametrize("part", ["worker", "scheduler"])
def test_options_of_dask_exist(part: str) -> None:
    known = set(re.findall(r"--[a-z-]+", help_of(part)))
    used = {"worker": WORKER, "scheduler": SCHEDULER}[part]["args"]
    assert used[0] == part
    in_slurm = next(
        line for line in SLURM.read_text("utf-8").replace("\\\n", " ").splitlines()
        if f"dask {part} " in line
    )  # fmt: skip
    asked = {a for a in used if a.startswith("--")} | set(re.findall(r"--[a-z-]+", in_slurm))
    assert asked <= known


def test_options_of_the_plan_exist() -> None:
    known = set(re.findall(r"--[a-z-]+", CliRunner().invoke(lensong, ["plan", "--help"]).output))
    in_slurm = SLURM.read_text("utf-8").splitlines()[-1]
    for line in (PLAN["args"][0], in_slurm):
        assert "lensong plan" in line
        assert set(re.findall(r" (--[a-z-]+)", line)) <= known


def test_the_job_is_a_sound_script_and_says_how_it_is_used() -> None:
    subprocess.run(["bash", "-n", SLURM], check=True)
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    subprocess.run(["shellcheck", SLURM], check=True)
    run = subprocess.run(["bash", SLURM], capture_output=True, text=True)
    assert run.returncode == 2
    assert "usage: sbatch slurm.sh SCENARIO" in run.stderr


def test_the_job_ends_where_dask_is_not_installed(tmp_path: Path) -> None:
    """It would wait for its time limit, and hold all nodes."""
    run = subprocess.run(
        ["bash", SLURM, "a.toml"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "SLURM_JOB_ID": "7", "SLURM_NTASKS": "2"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "no scheduler: is the environment with lensong[dask] active?" in run.stderr
    assert not list(tmp_path.iterdir())
