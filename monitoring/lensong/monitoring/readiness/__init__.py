"""Readiness: will the next livestream hold? A pure function of evidence; no I/O in here.

Start reading at `evidence` (what is asked and known), `verdict` (the answer) and `judge` (how one
becomes the other). Why the model is what it is stands in docs/explanation/readiness.md.
"""
