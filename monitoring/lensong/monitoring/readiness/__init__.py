"""Readiness: will the next livestream hold? A pure function of evidence; no I/O in here.

Start reading at `evidence` (what is asked and known), `verdict` (the answer) and `judge` (how one
becomes the other). Why the model is what it is stands in docs/explanation/readiness.md.
"""

from lensong.monitoring.readiness.evidence import (
    Evidence,
    FinishedSession,
    HourSample,
    Need,
    PredictedUplink,
    Question,
    SessionBeside,
    SiteOption,
    StreamsAtOnce,
    UplinkTest,
    Watch,
)
from lensong.monitoring.readiness.judge import DEFAULT_SETTINGS, MODEL_VERSION, judge
from lensong.monitoring.readiness.outages import OutagePrior
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.readiness.verdict import (
    BetterHour,
    BetterOperator,
    BetterSpot,
    EvidenceUsed,
    Plan,
    Reason,
    State,
    Step,
    Verdict,
)

__all__ = [
    "DEFAULT_SETTINGS",
    "MODEL_VERSION",
    "BetterHour",
    "BetterOperator",
    "BetterSpot",
    "Evidence",
    "EvidenceUsed",
    "FinishedSession",
    "HourSample",
    "Need",
    "OutagePrior",
    "Plan",
    "PredictedUplink",
    "Question",
    "ReadinessSettings",
    "Reason",
    "SessionBeside",
    "SiteOption",
    "State",
    "Step",
    "StreamsAtOnce",
    "UplinkTest",
    "Verdict",
    "Watch",
    "judge",
]
