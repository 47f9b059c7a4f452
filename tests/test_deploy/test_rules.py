"""promtool and amtool on the files that are shipped."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import yaml

from lensong.monitoring.web.pages.runbooks import RUNBOOKS
from tests.test_deploy.programs import DEPLOY
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.skipif(which("promtool") is None, reason="promtool is not installed")
needs_amtool = pytest.mark.skipif(which("amtool") is None, reason="amtool is not installed")

DOCS = DEPLOY.parent / "docs"
TESTS = sorted(path.name for path in (DEPLOY / "prometheus" / "tests").glob("*_test.yml"))


def rules() -> list[dict[str, Any]]:
    return [
        rule
        for path in sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
        for rule in group["rules"]
    ]


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """Return a copy in which the token that an installation brings exists."""
    folder = tmp_path / "prometheus"
    shutil.copytree(DEPLOY / "prometheus", folder)
    (folder / "lensong-token").write_text("token")
    return folder


def test_the_configuration_and_its_rules_are_valid(shipped: Path) -> None:
    done = run("promtool", "check", "config", "--lint=all", "--lint-fatal", "prometheus.yml",
               cwd=shipped)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 rules found" in done.stdout
    assert "4 rules found" in done.stdout


@pytest.mark.slow
def test_the_rules_do_what_their_tests_say(shipped: Path) -> None:
    done = run("promtool", "test", "rules", *TESTS, cwd=shipped / "tests")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_test() -> None:
    tested = "".join(p.read_text("utf-8") for p in (DEPLOY / "prometheus" / "tests").glob("*.yml"))
    for rule in rules():
        name = rule.get("alert") or rule["record"]
        asked = f"alertname: {name}\n" if "alert" in rule else f"expr: {name}"
        assert asked in tested or f"sum({name})" in tested, name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("alerts.yml", "< 7200", "< 17200"),
        ("alerts.yml", "< 10800", "< 14000"),
        ("alerts.yml", "<= 3900", "<= 4900"),
        ("alerts.yml", "> 0\n", "> -9000\n"),
        ("alerts.yml", "for: 20s", "for: 5s"),
        ("alerts.yml", "lag_seconds > 4", "lag_seconds > 7"),
        ("alerts.yml", "and on (instance, site) lensong_session_start_timestamp_seconds <= time()",
         ""),
        ("alerts.yml", '{state="not_ready"}', "{}"),
        ("alerts.yml", "lensong_notice_active == 1 or", "lensong_notice_active == 1 and"),
        ("alerts.yml", "outage_sites{", "outage_ratio{"),
        ("alerts.yml", "< 86400", "< 100000"),
        ("alerts.yml", "or absent", "and absent"),
        ("alerts.yml", '{synthetic="false"}', ""),
        ("alerts.yml", 'worst="true"', 'worst="false"'),
        ("alerts.yml", "lane=%q", "lane!=%q"),
        ("alerts.yml", ".Labels.link", ".Labels.title"),
        ("recording.yml", "8 * lensong", "lensong"),
        ("recording.yml", "expr: 8 * sum", "expr: sum"),
        ("recording.yml", "sum by (province, commune", "count by (province, commune"),
        ("recording.yml", "lensong_info and on (instance, site) lensong_session_start_timestamp"
         "_seconds", "lensong_info"),
    ],
)  # fmt: skip
def test_a_rule_that_is_changed_fails_its_test(
    shipped: Path, file: str, old: str, new: str
) -> None:
    path = shipped / "rules" / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    # the tests that ask for a rule that reads otherwise now, and no others: they take seconds
    before, after = (yaml.safe_load(given)["groups"] for given in (text, path.read_text("utf-8")))
    changed = {
        rule.get("alert") or rule["record"]
        for old_group, new_group in zip(before, after, strict=True)
        for rule, now in zip(old_group["rules"], new_group["rules"], strict=True)
        if rule != now
    }
    folder = shipped / "tests"
    asking = [(name, only_asking_for(changed, folder / name)) for name in TESTS]
    for name, groups in sorted(asking, key=lambda item: item[1]):
        if groups:
            done = run("promtool", "test", "rules", name, cwd=folder)
            if done.returncode != 0:
                break
    assert done.returncode == 1, done.stdout
    assert "FAILED" in done.stdout + done.stderr


def only_asking_for(rules: set[str], path: Path) -> int:
    """Leave in a file those tests that ask for one of some rules, and return how many."""
    given = yaml.safe_load(path.read_text("utf-8"))
    given["tests"] = [
        test
        for test in given["tests"]
        if any(re.search(rf"\b{re.escape(rule)}\b", str(test)) for rule in rules)
    ]
    path.write_text(yaml.safe_dump(given, allow_unicode=True), "utf-8")
    return len(given["tests"])


def test_every_alert_speaks_both_languages_and_names_a_place_in_the_docs() -> None:
    headings = {
        re.sub(r"[^\w-]", "", line.lstrip("# ").strip().lower().replace(" ", "-"))
        for line in (DOCS / "how-to" / "alerts.md").read_text("utf-8").splitlines()
        if line.startswith("#")
    }
    alerts = [rule for rule in rules() if "alert" in rule]
    assert {rule["alert"] for rule in alerts} == {
        "ApiDown",
        "SiteNotReady",
        "SiteHandled",
        "SessionAhead",
        "OperatorDown",
        "ProbeStale",
        "StreamLagging",
        "StreamDown",
        "StreamSourceDown",
    }
    assert {rule["alert"] for rule in alerts} == set(RUNBOOKS)  # the page of the service has all
    of_a_session = {rule["alert"] for rule in alerts if "session" in rule["annotations"]}
    # what says nothing of one session: the service, an operator, and what sends no message
    assert set(RUNBOOKS) - of_a_session == {"ApiDown", "OperatorDown", "SiteHandled"}
    for rule in alerts:
        told = rule["annotations"]
        texts = {"summary", "summary_en", "description", "description_en", "runbook"}
        if rule["alert"] in of_a_session:
            texts |= {"session", "link"}
        assert set(told) == texts
        assert not told["summary"].isascii()
        path, _, anchor = told["runbook"].partition("#")
        assert path == "docs/how-to/alerts.md"
        assert anchor in headings
        assert rule["labels"]["service"] == "lensong"
        assert rule["labels"]["severity"] in ("critical", "warning", "none")


@needs_amtool
def test_alertmanager_takes_its_configuration() -> None:
    done = run("amtool", "check-config", "alertmanager.yml", cwd=DEPLOY / "alertmanager")
    assert done.returncode == 0, done.stdout + done.stderr


@needs_amtool
@pytest.mark.parametrize("kind", ["e-mail", "Telegram"])
def test_the_receivers_of_the_how_to_are_valid(tmp_path: Path, kind: str) -> None:
    text = (DOCS / "how-to" / "alerts.md").read_text("utf-8")
    blocks = re.findall(r"```yaml\n(# .*?)```", text, re.DOTALL)
    (block,) = (b for b in blocks if kind in b.splitlines()[0])
    config = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text("utf-8"))
    given = yaml.safe_load(block)
    config["receivers"] = given["receivers"]
    config["global"] |= given.get("global", {})
    shutil.copytree(DEPLOY / "alertmanager" / "templates", tmp_path / "templates")
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config, allow_unicode=True))
    done = run("amtool", "check-config", "alertmanager.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


ALERTS = """{"status": "%s", "alerts": [
 {"status": "%s", "annotations": {"summary": "Chợ Bình Lư (Bình Lư) chưa sẵn sàng phát sóng",
  "summary_en": "Chợ Bình Lư (Bình Lư) is not ready to stream",
  "description": "Hãy thử mức thấp hơn.", "description_en": "Try a lower quality.",
  "session": "Chợ phiên, 2026-12-01 09:00+07:00", "link": "https://live.example.vn/sessions/a1"}},
 {"status": "%s", "annotations": {"summary": "B", "summary_en": "b", "description": "C",
  "description_en": "c"}}]}"""


@needs_amtool
def test_a_message_is_short_and_in_both_languages(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(ALERTS % ("firing", "firing", "firing"), "utf-8")
    rendered = [
        run(
            "amtool",
            "template",
            "render",
            f"--template.glob={DEPLOY / 'alertmanager' / 'templates' / '*.tmpl'}",
            f'--template.text={{{{ template "{name}" . }}}}',
            "--template.data=data.json",
            cwd=tmp_path,
        )
        for name in ("lensong.subject", "lensong.text")
    ]
    assert [done.stderr for done in rendered] == ["", ""]
    subject, text = (done.stdout.strip() for done in rendered)
    assert subject == "[lensong] Chợ Bình Lư (Bình Lư) chưa sẵn sàng phát sóng (+1)"
    assert text.splitlines() == [
        "⚠ Chợ Bình Lư (Bình Lư) chưa sẵn sàng phát sóng",
        "Chợ phiên, 2026-12-01 09:00+07:00",
        "Hãy thử mức thấp hơn.",
        "Chợ Bình Lư (Bình Lư) is not ready to stream. Try a lower quality.",
        "https://live.example.vn/sessions/a1",
        "",
        "⚠ B",
        "C",
        "b. c",
    ]


@needs_amtool
def test_a_message_says_what_is_over(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(ALERTS % ("resolved", "resolved", "resolved"), "utf-8")
    rendered = [
        run(
            "amtool",
            "template",
            "render",
            f"--template.glob={DEPLOY / 'alertmanager' / 'templates' / '*.tmpl'}",
            f'--template.text={{{{ template "{name}" . }}}}',
            "--template.data=data.json",
            cwd=tmp_path,
        ).stdout.strip()
        for name in ("lensong.subject", "lensong.text")
    ]
    assert rendered[0].startswith("[lensong] Đã ổn: Chợ Bình Lư")
    assert rendered[1].splitlines()[1] == "✔ Đã hết / Resolved: B – b"
