"""What the console says by itself: of errors, and in the browser, in the reader's language."""

from __future__ import annotations

from moulouya.portal.languages import N_, Language

# The kinds of problems that the service tells, as a page says them.
PROBLEMS = {
    "bad-request": N_("The request is not understood"),
    "sql-error": N_("The statement has an error"),
    "not-allowed": N_("This statement is not allowed here"),
    "too-slow": N_("The statement took too long"),
    "too-much-memory": N_("The statement needed too much memory"),
    "row-too-large": N_("A row is too large"),
    "crashed": N_("The statement made the engine fail"),
    "parameters": N_("The statement asks for values that are not there"),
    "format": N_("The result does not fit this format"),
    "too-long": N_("The statement is too long"),
    "too-many-requests": N_("Too many statements in a short time"),
    "busy": N_("Too many people ask just now"),
    "unavailable": N_("Statements cannot be run now"),
}
OTHER = N_("The statement could not be run")
# What the scripts of the page say; {…} are filled in by them.
IN_BROWSER = {
    "editor": N_("Statement in SQL"),
    "suggestions": N_("Suggestions"),
    "running": N_("The statement is running…"),
    "cancelled": N_("Cancelled"),
    "done": N_("Rows: {rows}. It took {seconds} s."),
    "cut": N_("Only the first {rows} rows are shown: there are more. Aggregate, or add a LIMIT."),
    "cutFile": N_("The file ends after {rows} rows: that is the limit of this service."),
    "nothing": N_("The statement gave no rows."),
    "failed": N_("The service could not be reached. Is there a connection?"),
    "place": N_("Line {line}, column {column}"),
    "hint": N_("Hint"),
    "plan": N_("What it would cost"),
    "rowsRead": N_("Rows it would read, as an estimate: {rows}"),
    "tablesRead": N_("Tables it would read: {tables}"),
    "result": N_("Result"),
    "copied": N_("Copied"),
    "tooLong": N_("This statement is too long for a link."),
    "chart": N_("Chart"),
    "bars": N_("Bars"),
    "line": N_("Line"),
    "scatter": N_("Points"),
    "none": N_("No chart"),
    "across": N_("Across"),
    "upward": N_("Upward"),
    "drawn": N_("{upward} by {across}; the table below has the same values."),
    "cutChart": N_("Only the first {rows} rows are drawn."),
    "map": N_("Show on a map"),
    "mapFailed": N_("The map could not be loaded."),
    "save": N_("Download"),
    "loading": N_("The engine is being loaded into your browser…"),
    "engineFailed": N_("The engine could not be started in this browser: {reason}"),
    "noTables": N_("In your browser only tables of this catalogue can be read: name one of them."),
    "noCatalogue": N_("The schema “catalogue” is only on the server."),
    "noEditor": N_("The editor could not be loaded; the plain field works as well."),
}


def problem(kind: str, language: Language) -> str:
    """What is wrong, by the last word of the type of a problem."""
    return language.text(PROBLEMS.get(kind.rpartition(":")[2], OTHER))


def in_browser(language: Language) -> dict[str, str]:
    """Every text of the scripts."""
    said = {name: language.text(words) for name, words in IN_BROWSER.items()}
    problems = {name: language.text(words) for name, words in PROBLEMS.items()}
    return {**said, "other": language.text(OTHER), **{f"p:{k}": v for k, v in problems.items()}}
