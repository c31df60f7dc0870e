"""What each Sustainable Development Goal and its targets say, shortened from the official text.

The goals' sentences are the headings of resolution A/RES/70/1; the targets' are shortened from the
same resolution. A target that is not here is shown by its number alone.
"""

from __future__ import annotations

from moulouya.portal.languages import N_, Language

SENTENCES = (
    N_("End poverty in all its forms everywhere."),
    N_("End hunger, achieve food security, improve nutrition, promote sustainable farming."),
    N_("Ensure healthy lives and promote well-being for all at all ages."),
    N_("Ensure inclusive and equitable quality education and lifelong learning for all."),
    N_("Achieve gender equality and empower all women and girls."),
    N_("Ensure availability and sustainable management of water and sanitation for all."),
    N_("Ensure access to affordable, reliable, sustainable and modern energy for all."),
    N_("Promote sustained, inclusive and sustainable growth, full employment and decent work."),
    N_("Build resilient infrastructure, promote sustainable industry and foster innovation."),
    N_("Reduce inequality within and among countries."),
    N_("Make cities and human settlements inclusive, safe, resilient and sustainable."),
    N_("Ensure sustainable consumption and production patterns."),
    N_("Take urgent action to combat climate change and its impacts."),
    N_("Conserve and sustainably use the oceans, seas and marine resources."),
    N_("Protect and restore ecosystems on land, forests and soils; halt the loss of biodiversity."),
    N_("Promote peaceful and inclusive societies, access to justice and accountable institutions."),
    N_("Strengthen the means of implementation and the global partnership."),
)

TARGETS = {
    "1.1": N_("Eradicate extreme poverty for all people everywhere"),
    "1.2": N_("Reduce at least by half the proportion of people living in poverty"),
    "1.4": N_("Equal rights to economic resources and access to basic services"),
    "1.5": N_("Build the resilience of the poor and the vulnerable"),
    "2.1": N_("End hunger and ensure access to safe and sufficient food"),
    "2.3": N_("Double the productivity and incomes of small-scale food producers"),
    "2.4": N_("Sustainable food production and resilient agricultural practices"),
    "3.2": N_("End preventable deaths of newborns and children under five"),
    "3.7": N_("Universal access to sexual and reproductive health-care services"),
    "3.8": N_("Achieve universal health coverage"),
    "4.1": N_("Free, equitable and quality primary and secondary education"),
    "4.2": N_("Access to quality early childhood development and pre-primary education"),
    "4.3": N_("Equal access to technical, vocational and higher education"),
    "4.5": N_("Eliminate disparities and discrimination in education"),
    "4.6": N_("Literacy and numeracy for all youth and most adults"),
    "5.1": N_("End all forms of discrimination against women and girls"),
    "5.3": N_("Eliminate child, early and forced marriage and other harmful practices"),
    "5.5": N_("Women’s full participation and equal opportunities for leadership"),
    "6.1": N_("Universal and equitable access to safe and affordable drinking water"),
    "6.2": N_("Adequate and equitable sanitation and hygiene for all"),
    "6.3": N_("Improve water quality and reduce untreated wastewater"),
    "6.4": N_("Increase water-use efficiency and address water scarcity"),
    "6.5": N_("Implement integrated water resources management"),
    "7.1": N_("Universal access to affordable, reliable and modern energy services"),
    "7.2": N_("Increase substantially the share of renewable energy"),
    "7.3": N_("Double the rate of improvement in energy efficiency"),
    "8.3": N_("Policies for productive activities, decent jobs and small enterprises"),
    "8.5": N_("Full and productive employment and decent work for all"),
    "8.6": N_("Reduce the share of youth not in employment, education or training"),
    "8.9": N_("Promote sustainable tourism that creates jobs"),
    "9.1": N_("Develop quality, reliable, sustainable and resilient infrastructure"),
    "9.2": N_("Promote inclusive and sustainable industrialization"),
    "9.3": N_("Access of small enterprises to financial services and markets"),
    "9.c": N_("Increase access to information and communications technology"),
    "10.1": N_("Income growth of the bottom 40 per cent of the population"),
    "10.2": N_("Social, economic and political inclusion of all"),
    "11.1": N_("Access for all to adequate, safe and affordable housing"),
    "11.2": N_("Access to safe, affordable and sustainable transport systems for all"),
    "11.3": N_("Inclusive and sustainable urbanization and planning"),
    "11.4": N_("Protect the world’s cultural and natural heritage"),
    "11.5": N_("Reduce the losses caused by disasters"),
    "11.6": N_("Reduce the environmental impact of cities: air quality and waste"),
    "11.7": N_("Universal access to safe, inclusive green and public spaces"),
    "12.2": N_("Sustainable management and efficient use of natural resources"),
    "12.5": N_("Reduce waste by prevention, reduction, recycling and reuse"),
    "13.1": N_("Strengthen resilience to climate-related hazards and disasters"),
    "13.2": N_("Integrate climate change measures into policies and planning"),
    "14.1": N_("Prevent and reduce marine pollution"),
    "15.1": N_("Conservation and sustainable use of ecosystems on land"),
    "15.2": N_("Sustainable management of forests"),
    "15.3": N_("Combat desertification and restore degraded land and soil"),
    "16.6": N_("Effective, accountable and transparent institutions"),
    "16.7": N_("Responsive, inclusive and participatory decision-making"),
    "16.10": N_("Public access to information"),
    "17.18": N_("High-quality, timely and reliable data, down to the local level"),
}


def goal_sentence(goal: int, language: Language) -> str:
    """What a goal (1 to 17) asks for."""
    return language.text(SENTENCES[goal - 1])


def target_words(target: str, language: Language) -> str:
    """What a target such as ``11.3`` asks for; empty where its wording is not known."""
    words = TARGETS.get(target)
    return language.text(words) if words else ""
