"""The names of the Sustainable Development Goals, as the United Nations publish them."""

from __future__ import annotations

from moulouya.portal.languages import N_, Language

GOALS = (
    N_("No poverty"),
    N_("Zero hunger"),
    N_("Good health and well-being"),
    N_("Quality education"),
    N_("Gender equality"),
    N_("Clean water and sanitation"),
    N_("Affordable and clean energy"),
    N_("Decent work and economic growth"),
    N_("Industry, innovation and infrastructure"),
    N_("Reduced inequalities"),
    N_("Sustainable cities and communities"),
    N_("Responsible consumption and production"),
    N_("Climate action"),
    N_("Life below water"),
    N_("Life on land"),
    N_("Peace, justice and strong institutions"),
    N_("Partnerships for the goals"),
)


def goal_name(target: str, language: Language) -> str:
    """The goal that a goal or target such as ``11.3`` belongs to; empty when there is none."""
    number = target.partition(".")[0]
    if not number.isdigit() or not 1 <= int(number) <= len(GOALS):
        return ""
    return language.text(GOALS[int(number) - 1])
