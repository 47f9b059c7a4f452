"""Lines that ``srt-live-transmit`` writes: JSON of several releases, and three layouts of CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from lensong.monitoring.streams.fetch import Answer, parsed_json
from lensong.monitoring.streams.sample import CollectorError

__all__ = ["Counts", "Line", "read_lines"]

_MOST_LINES = 400
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")

_CSV_1_3 = str.split(
    "Time,SocketID,pktFlowWindow,pktCongestionWindow,pktFlightSize,msRTT,mbpsBandwidth,mbpsMaxBW,"
    "pktSent,pktSndLoss,pktSndDrop,pktRetrans,byteSent,byteSndDrop,mbpsSendRate,usPktSndPeriod,"
    "pktRecv,pktRcvLoss,pktRcvDrop,pktRcvRetrans,pktRcvBelated,byteRecv,byteRcvLoss,byteRcvDrop,"
    "mbpsRecvRate,RCVLATENCYms",
    ",",
)
_FILTERS = ["pktSndFilterExtra", "pktRcvFilterExtra", "pktRcvFilterSupply", "pktRcvFilterLoss"]
_CSV_1_5 = str.split(
    "Timepoint,Time,SocketID,Time,pktFlowWindow,pktCongestionWindow,pktFlightSize,msRTT,"
    "mbpsBandwidth,mbpsMaxBW,pktSent,pktSentUnique,pktSndLoss,pktSndDrop,pktRetrans,"
    "pktSndFilterExtra,byteSent,byteSentUnique,byteSndDrop,byteAvailSndBuf,msSndBuf,mbpsSendRate,"
    "usPktSndPeriod,pktRecv,pktRecvUnique,pktRcvLoss,pktRcvDrop,pktRcvRetrans,pktRcvBelated,"
    "pktRcvFilterExtra,pktRcvFilterSupply,pktRcvFilterLoss,byteRecv,byteRecvUnique,byteRcvLoss,"
    "byteRcvDrop,byteAvailRcvBuf,msRcvBuf,mbpsRecvRate,msRcvTsbPdDelay",
    ",",
)
_LAYOUTS = {len(names): names for names in (_CSV_1_3, _CSV_1_3 + _FILTERS, _CSV_1_5)}
"""Of lines without their header, as ``tail -F`` sends them, by the number of columns."""
_KNOWN_COLUMNS = frozenset(_CSV_1_3 + _FILTERS + _CSV_1_5) | {"msSndTsbPdDelay"}

_KNOWN_FIELDS = {
    "": frozenset(str.split("sid timepoint time window link send recv")),
    "link": frozenset(str.split("rtt bandwidth maxBandwidth")),
    "send": frozenset(
        str.split(
            "packets packetsUnique packetsLost packetsDropped packetsRetransmitted "
            "packetsFilterExtra bytes bytesUnique bytesDropped byteAvailBuf msBuf mbitRate "
            "sendPeriod"
        )
    ),
    "recv": frozenset(
        str.split(
            "packets packetsUnique packetsLost packetsDropped packetsRetransmitted packetsBelated "
            "packetsFilterExtra packetsFilterSupply packetsFilterLoss bytes bytesUnique bytesLost "
            "bytesDropped byteAvailBuf msBuf mbitRate msTsbPdDelay"
        )
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Counts of one direction of a line. None is unknown."""

    size_bytes: int | None = None
    packets: int | None = None
    lost: int | None = None
    dropped: int | None = None
    rate_bps: float | None = None

    def __bool__(self) -> bool:
        return bool(self.size_bytes or self.packets)

    @property
    def took_s(self) -> float | None:
        """Return in which time that was counted, by the rate beside it [s]."""
        if not self.size_bytes or not self.rate_bps:
            return None
        return self.size_bytes * 8.0 / self.rate_bps


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of statistics."""

    socket: str | None
    time_s: float | None
    written_at: datetime | None
    rtt_ms: float | None
    latency_ms: float | None
    received: Counts
    sent: Counts


def read_lines(text: str) -> tuple[list[Line], frozenset[str]]:
    """Return the lines of a text in their order, and the names in it that are not known.

    Raises
    ------
    CollectorError
        A line in the midst of them is none; the first and the last may be cut.
    """
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line][-_MOST_LINES:]
    if not lines:
        return [], frozenset()
    if lines[-1].startswith("{") or lines[0].startswith("{") or '":' in text:
        return _json_lines(text, lines)
    return _csv_lines(lines, ends_whole=text.endswith(("\n", "\r")), header=_header(text))


# --- JSON ----------------------------------------------------------------------------------------


def _json_lines(text: str, lines: list[str]) -> tuple[list[Line], frozenset[str]]:
    read: list[Line] = []
    unknown: set[str] = set()
    for number, line in enumerate(lines):
        try:
            answer = _answer(line)
        except CollectorError:
            if number not in (0, len(lines) - 1) and number >= len(lines) - 3:
                return _whole(text)
            continue
        read.append(_json_line(answer, unknown))
    if not read:
        return _whole(text)
    return read, frozenset(unknown)


def _whole(text: str) -> tuple[list[Line], frozenset[str]]:
    """Return a text that is one line in several, as programs make it for people to read."""
    try:
        answer = _answer(text.strip())
    except CollectorError as error:
        raise CollectorError(
            "bad_answer", "a line is neither JSON nor CSV: srt-live-transmit wants -statspf"
        ) from error
    unknown: set[str] = set()
    return [_json_line(answer, unknown)], frozenset(unknown)


def _answer(line: str) -> Answer:
    """Return a line; libsrt 1.4.3 puts a comma after the last field, and after the line."""
    line = line.rstrip(",")
    try:
        return parsed_json(line)
    except CollectorError:
        return parsed_json(_TRAILING_COMMA.sub(r"\1", line))


def _json_line(answer: Answer, unknown: set[str]) -> Line:
    received, sent, link = answer.inner("recv"), answer.inner("send"), answer.inner("link")
    for where, part in (("", answer), ("link", link), ("send", sent), ("recv", received)):
        unknown |= {
            f"{where}.{name}".lstrip(".")[:40] for name in part.names() - _KNOWN_FIELDS[where]
        }
    age_ms = answer.number("time")
    return Line(
        socket=answer.word("sid"),
        time_s=None if age_ms is None else age_ms / 1e3,
        written_at=_moment(answer.text("timepoint")),
        rtt_ms=link.number("rtt"),
        latency_ms=received.number("msTsbPdDelay"),
        received=_json_counts(received, received.count("bytes")),
        sent=_json_counts(
            sent, sent.count("bytesUnique") if sent.has("bytesUnique") else sent.count("bytes")
        ),
    )


def _json_counts(part: Answer, size_bytes: int | None) -> Counts:
    rate_mbps = part.number("mbitRate")
    return Counts(
        size_bytes=size_bytes,
        packets=part.count("packets"),
        lost=part.count("packetsLost"),
        dropped=part.count("packetsDropped"),
        rate_bps=None if rate_mbps is None else rate_mbps * 1e6,
    )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        # ISO 8601 with an offset without colon, which Python reads from 3.11 on
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CollectorError("wrong_type", "timepoint is no time") from error
    return None if moment.tzinfo is None else moment


# --- CSV -----------------------------------------------------------------------------------------


def _header(text: str) -> list[str] | None:
    first = text.lstrip().partition("\n")[0].strip()
    return first.split(",") if first.startswith("Time") else None


def _csv_lines(
    lines: list[str], *, ends_whole: bool, header: list[str] | None
) -> tuple[list[Line], frozenset[str]]:
    names, read = header, list[Line]()
    try:
        rows = list(csv.reader(lines))
    except csv.Error as error:
        raise CollectorError("bad_answer", "the answer is neither JSON nor CSV") from error
    for number, cells in enumerate(rows):
        if cells and cells[0] in ("Time", "Timepoint"):
            names = cells
            continue
        cut = number == len(rows) - 1 and not ends_whole and len(rows) > 1
        layout = names if names is not None else _LAYOUTS.get(len(cells))
        if layout is None or len(cells) != len(layout) or cut:
            if number in (0, len(rows) - 1):
                continue
            raise CollectorError(
                "bad_answer", f"a line of CSV has {len(cells)} columns, and no header says which"
            )
        read.append(_csv_line(_named(layout, cells)))
    if not read and not (names and len(rows) == 1):
        raise CollectorError(
            "bad_answer", "no line is JSON or CSV: srt-live-transmit wants -statspf:json"
        )
    return read, frozenset(name[:40] for name in set(names or ()) - _KNOWN_COLUMNS)


def _named(names: Iterable[str], cells: Iterable[str]) -> Mapping[str, str]:
    """Return the cells by name; of two columns of one name the first that is not empty counts."""
    values: dict[str, str] = {}
    for name, cell in zip(names, cells, strict=True):
        if not values.get(name):
            values[name] = cell.strip()
    return values


def _csv_line(values: Mapping[str, str]) -> Line:
    answer = Answer({name: cell for name, cell in values.items() if cell}, "the line")
    age_ms = answer.number("Time")
    latency = "RCVLATENCYms" if answer.has("RCVLATENCYms") else "msRcvTsbPdDelay"
    return Line(
        socket=answer.word("SocketID"),
        time_s=None if age_ms is None else age_ms / 1e3,
        written_at=_moment(answer.text("Timepoint")),
        rtt_ms=answer.number("msRTT"),
        latency_ms=answer.number(latency),
        received=_csv_counts(answer, "byteRecv", "pktRecv", "pktRcv", "mbpsRecvRate"),
        sent=_csv_counts(
            answer,
            "byteSentUnique" if answer.has("byteSentUnique") else "byteSent",
            "pktSent", "pktSnd", "mbpsSendRate",
        ),
    )  # fmt: skip


def _csv_counts(answer: Answer, size: str, packets: str, way: str, rate: str) -> Counts:
    rate_mbps = answer.number(rate)
    return Counts(
        size_bytes=answer.count(size),
        packets=answer.count(packets),
        lost=answer.count(f"{way}Loss"),
        dropped=answer.count(f"{way}Drop"),
        rate_bps=None if rate_mbps is None else rate_mbps * 1e6,
    )
