// The editor in the place of the plain field. It lives in a shadow tree: there CodeMirror gives its
// style as a constructed style sheet, which the policy of the page allows; a <style> it would not.
import * as code from "../../vendor/codemirror/editor.js";

const style = code.EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--sheet)", fontSize: ".95rem" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", minHeight: "11rem", maxHeight: "60vh", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", paddingBlock: ".6rem" },
  ".cm-cursor": { borderInlineStartColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--wash)", color: "var(--quiet)", border: "none" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground":
    { backgroundColor: "color-mix(in srgb, var(--river) 28%, transparent)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--wash)", outline: "1px solid var(--river)" },
  ".cm-tooltip": { backgroundColor: "var(--sheet)", color: "var(--ink)", border: "1px solid var(--quiet)" },
  ".cm-tooltip-autocomplete ul": { fontFamily: "var(--mono)", maxHeight: "14rem" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--river)", color: "var(--on-river)" },
  ".cm-completionDetail": { color: "inherit", fontStyle: "normal", opacity: ".8" },
  ".cm-fault": { textDecoration: "underline wavy var(--sand) 2px", backgroundColor: "var(--sand-wash)" },
});

const colours = code.HighlightStyle.define([
  { tag: code.tags.keyword, color: "var(--river)", fontWeight: "600" },
  { tag: [code.tags.string, code.tags.special(code.tags.string)], color: "var(--good)" },
  { tag: [code.tags.number, code.tags.bool, code.tags.null], color: "var(--sand)" },
  { tag: code.tags.comment, color: "var(--quiet)", fontStyle: "italic" },
  { tag: [code.tags.typeName, code.tags.standard(code.tags.name)], color: "var(--river-deep)" },
]);

const WORDS = "qualify pivot unpivot summarize describe exclude asof positional sample ilike glob "
  + "semi anti try_cast unnest columns lambda macro struct map enum";
const dialect = code.SQLDialect.define({
  ...code.PostgreSQL.spec,
  keywords: `${code.PostgreSQL.spec.keywords ?? ""} ${WORDS}`,
});

const mark = code.StateEffect.define();
const faults = code.StateField.define({
  create: () => code.Decoration.none,
  update(found, change) {
    for (const effect of change.effects) {
      if (effect.is(mark)) {
        return effect.value
          ? code.Decoration.set([code.Decoration.mark({ class: "cm-fault" }).range(...effect.value)])
          : code.Decoration.none;
      }
    }
    return change.docChanged ? code.Decoration.none : found;
  },
  provide: (field) => code.EditorView.decorations.from(field),
});

// Typing over a selection: Chromium would keep the look of what goes in a style attribute, which the
// policy refuses with an error in the console, and which the editor takes away again.
const typedOver = code.EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { from, to, empty } = view.state.selection.main;
    if (event.inputType !== "insertText" || empty || view.composing || !event.data) return false;
    event.preventDefault();
    const typed = () => view.state.update(
      view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
    const handlers = view.state.facet(code.EditorView.inputHandler);
    if (!handlers.some((handle) => handle(view, from, to, event.data, typed))) view.dispatch(typed());
    return true;
  },
});

/** An editor in `host` for the text of a field; `schema` is what it completes. */
export function edit(host, field, { label, schema, run, suggestions }) {
  const root = host.attachShadow({ mode: "open" });
  const place = document.createElement("div");
  root.append(place);
  const view = new code.EditorView({
    parent: place,
    root,
    doc: field.value,
    extensions: [
      code.Prec.highest(code.keymap.of([
        { key: "Mod-Enter", run: () => { run(); return true; } },
        { key: "Tab", run: code.acceptCompletion },
      ])),
      code.keymap.of([...code.closeBracketsKeymap, ...code.completionKeymap, ...code.historyKeymap, ...code.defaultKeymap]),
      code.lineNumbers(), code.highlightSpecialChars(), code.history(), code.drawSelection(),
      code.bracketMatching(), code.closeBrackets(), code.autocompletion({ icons: false }),
      code.sql({ dialect, schema, upperCaseKeywords: true }),
      code.syntaxHighlighting(colours), style, faults, typedOver,
      code.EditorState.phrases.of({ Completions: suggestions }),
      code.EditorView.lineWrapping,
      code.EditorView.contentAttributes.of({
        "aria-label": label, dir: "ltr", lang: "zxx", spellcheck: "false", autocapitalize: "off",
      }),
      code.EditorView.updateListener.of((change) => {
        if (change.docChanged) field.value = view.state.doc.toString();
      }),
    ],
  });
  return {
    focus: () => view.focus(),
    set(text) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    insert(text) {
      view.dispatch(view.state.replaceSelection(text));
      view.focus();
    },
    /** Marks the word at a place (from 1), or nothing; returns whether there is such a place. */
    fault(at) {
      const lines = view.state.doc.lines;
      if (!at || at.line > lines) {
        view.dispatch({ effects: mark.of(null) });
        return;
      }
      const line = view.state.doc.line(at.line);
      const from = Math.min(line.from + [...line.text].slice(0, at.column - 1).join("").length, line.to);
      const word = view.state.wordAt(from);
      const to = Math.min(Math.max(word?.to ?? from + 1, from + 1), view.state.doc.length);
      view.dispatch({
        effects: mark.of(from < to ? [from, to] : [Math.max(0, to - 1), to]),
        selection: { anchor: from },
        scrollIntoView: true,
      });
    },
  };
}
