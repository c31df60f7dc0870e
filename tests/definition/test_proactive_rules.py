"""The proactive block of region.yml against the datasets and themes that it names."""

from __future__ import annotations

from small_workspace import REGION, SmallWorkspace, text


def faults(workspace: SmallWorkspace, *categories: dict[str, object]) -> list[tuple[object, ...]]:
    block = [{"title": text("Budgets"), **category} for category in categories]
    path = workspace.write_yaml("region.yml", {**REGION, "proactive": block})
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        (lines[line - 1].strip(), key, message, hint)
        for name, line, key, message, hint in workspace.faults()
        if name == "region.yml"
    ]


def test_datasets_and_themes_that_are_there_have_no_fault(workspace):
    workspace.define("towns")
    assert (
        faults(workspace, {}, {"datasets": ["towns"], "themes": [next(iter(REGION["themes"]))]})
        == []
    )


def test_an_unknown_dataset_is_told_at_its_line_with_what_is_close(workspace):
    workspace.define("towns")
    assert faults(workspace, {"datasets": ["towns"]}, {"datasets": ["towns", "tovns"]}) == [
        ("- tovns", "proactive.1.datasets.1", "there is no dataset 'tovns'",
         "did you mean 'towns'?")
    ]  # fmt: skip


def test_an_unknown_theme_is_told_with_what_is_close(workspace):
    theme = next(iter(REGION["themes"]))
    wrong = f"{theme}x"
    assert faults(workspace, {"themes": [wrong]}) == [
        (f"- {wrong}", "proactive.0.themes.0", f"there is no theme {wrong!r}",
         f"did you mean {theme!r}?")
    ]  # fmt: skip


def test_what_is_like_nothing_has_no_hint(workspace):
    assert faults(workspace, {"datasets": ["qqqq"]})[0][2:] == (
        "there is no dataset 'qqqq'", None,
    )  # fmt: skip
