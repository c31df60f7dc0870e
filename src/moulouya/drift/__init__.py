"""Drift: is this delivery like the ones before it? What it measures, allows and finds."""

from moulouya.drift.judging import REMEMBERED, Finding, History, Judgement, judge
from moulouya.drift.profile import profile
from moulouya.drift.sentences import figure, sentence

__all__ = [
    "REMEMBERED",
    "Finding",
    "History",
    "Judgement",
    "figure",
    "judge",
    "profile",
    "sentence",
]
