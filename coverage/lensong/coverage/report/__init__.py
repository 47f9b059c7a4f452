"""The result of a plan as one HTML file that opens without internet."""

from lensong.coverage.report.html import render_report, result_id

__all__ = ["render_report", "result_id"]
