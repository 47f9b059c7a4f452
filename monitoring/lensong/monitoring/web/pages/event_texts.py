"""Events in one sentence with a link, as people get them: by webhook, mail, messenger, timeline."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lensong.monitoring.live.message_formats import Told
from lensong.monitoring.live.webhooks import Tell
from lensong.monitoring.service import Service
from lensong.monitoring.web.pages.rendering import words_in
from lensong.monitoring.web.pages.words import Words

__all__ = ["alert_text", "notice_text", "teller", "trouble_text"]


def trouble_text(key: str, values: Mapping[str, Any], words: Words) -> str:
    """Return what a trouble is, as the wall says it.

    Parameters
    ----------
    values : mapping
        Of the trouble; moments may be text.
    """

    def moment(name: str) -> datetime | None:
        value = values.get(name)
        return datetime.fromisoformat(value) if isinstance(value, str) else value

    return words.t(
        key,
        n=values.get("n"),
        lag_s=values.get("lag_s"),
        received=words.mbps(values.get("received_bps")),
        when=words.soon(moment("starts_at")),
        required=words.mbps(values.get("required_bps")),
        safe=words.mbps(values.get("safe_bps")),
        percent=words.percent(values.get("probability")),
        at=words.soon(moment("at")),
    )


def alert_text(body: Mapping[str, Any], words: Words) -> str:
    """Return what an alert says of the trouble."""
    return trouble_text(body["text_key"], body["values"], words)


def notice_text(kind: str, body: Mapping[str, Any], words: Words) -> str:
    """Return what a notice is about, who said so, from when until when, and why.

    Parameters
    ----------
    kind : str
        "notice.added", or "notice.ended": then also by whom, or why by itself.
    """
    if body.get("site_name"):
        about = words.t("notice.of_site", name=body["site_name"])
    elif body.get("commune"):
        about = words.t("notice.of_commune", name=body.get("commune_name") or body["commune"])
    elif body.get("operator"):
        province = body.get("province_name") or body["province"]
        about = words.t("notice.of_operator", name=body["operator"], province=province)
    else:
        about = body["subject"]
    begin, until = (words.soon(datetime.fromisoformat(body[n])) for n in ("starts_at", "ends_at"))
    what = words.t(f"notice.kind.{body['notice']}")
    told = words.t("notice.from", kind=what, author=body["author"], begin=begin, until=until)
    end = body.get("ended_by") if kind == "notice.ended" else None
    if end:
        ended = (
            words.t(f"notice.ended_{end.partition(':')[2]}")
            if end.startswith("service:")
            else words.t("notice.ended_by", who=end)
        )
        told = f"{told}, {ended}"
    return f"{about} · {told} – {body['note']}"


def teller(service: Service) -> Tell:
    """Return what tells of events: a function of kind, body and language."""

    def tell(kind: str, body: Mapping[str, Any], language: str) -> Told:
        return _told(kind, body, words_in(service, language), service.config.public_url or "")

    return tell


def _told(kind: str, body: Mapping[str, Any], words: Words, base: str) -> Told:
    site, title = body.get("site_name") or "", body.get("title") or ""
    what = words.t(f"timeline.{kind}")
    path = "/"
    if body.get("session_id"):
        path = f"/sessions/{body['session_id']}"
    elif body.get("site_id"):
        path = f"/sites/{body['site_id']}"
    todo, text = "", " · ".join(part for part in (site, title) if part)
    match kind:
        case "alert.raised" | "alert.cleared":
            state = words.t(f"state.{body['state']}")
            place = f"{site} ({body['commune_name']})"
            span = ""
            if body.get("starts_at"):
                starts_at, ends_at = (
                    datetime.fromisoformat(body[name]) for name in ("starts_at", "ends_at")
                )
                span = f"{title}, {words.span(starts_at, ends_at)}"
            if kind == "alert.cleared":
                what, text = words.t("alert.cleared", place=place), span
            else:
                what = f"{place}: {state}"
                text = " · ".join(part for part in (alert_text(body, words), span) if part)
                todo = words.t(f"todo.{body['trouble']}")
        case "verdict.changed":
            what = f"{site}: {words.t('state.' + body['verdict']['state'])}"
            text = title
        case "stream.changed":
            what = f"{site}: {words.t('stream_state_' + body['health']['state'])}"
            text = ""
        case "notice.added" | "notice.ended":
            text = notice_text(kind, body, words)
            path = "/notices"
        case "operator.fell" | "operator.recovered":
            what = f"{body['operator']}: {what}"
            fell = words.t(
                "outage.sites",
                n=len(body["site_ids"]),
                of=body["of_sites"],
                share=words.share(body["share"]),
            )
            text = f"{fell} · {', '.join(body['commune_names'])}"
            todo = words.t("todo.operator") if kind == "operator.fell" else ""
            path = "/"
    synthetic = words.t("page.synthetic") if body.get("synthetic") else ""
    return Told(
        title=" · ".join(part for part in (synthetic, what) if part),
        text=text,
        todo=todo,
        url=f"{base}{path}",
        urgent=kind in ("alert.raised", "operator.fell") and not body.get("ahead"),
    )
