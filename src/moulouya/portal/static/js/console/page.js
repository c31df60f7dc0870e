// The SQL console: takes over the plain form of the page, which works without it.
import { ask, explain, Fault, file } from "./asking.js";
import { chart } from "./chart.js";
import { map } from "./map.js";
import { past } from "./past.js";
import { element, save, table, written, WRITTEN } from "./table.js";

const box = document.getElementById("console");
const words = JSON.parse(box.dataset.words);
const lang = box.dataset.lang.replace("_", "-");
const form = document.getElementById("ask");
const field = document.getElementById("sql");
const status = document.getElementById("status");
const place = document.getElementById("result");
const progress = document.getElementById("progress");
const buttons = Object.fromEntries(
  ["run", "cancel", "explain", "share"].map((name) => [name, document.getElementById(name)]));
const exported = form.dataset.exported === "true";
const LONGEST_LINK = 4000;
const number = new Intl.NumberFormat(document.documentElement.lang === "ar" ? "ar-MA" : lang);
const fill = (said, values) => said.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
const absolute = (address) => new URL(address, document.baseURI).href;

const tables = [...box.querySelectorAll("[data-table]")].map((one) => ({
  theme: one.dataset.theme,
  sql: one.dataset.sql,
  slug: one.dataset.table,
  file: one.dataset.file && absolute(one.dataset.file),
  columns: [...one.querySelectorAll("[data-column]")].map((column) => column.dataset.column),
}));

let editor = null;
let stop = null;
let engine = null;

/** Put a statement into the field and the editor. */
function set(sql) {
  field.value = sql;
  editor?.set(sql);
}

function schema() {
  const found = { catalogue: { datasets: [], columns: [], versions: [], publishers: [] } };
  for (const { theme, slug, columns } of tables) (found[theme] ??= {})[slug] = columns;
  return found;
}

async function dress() {
  try {
    const { edit } = await import("./editor.js");
    const host = document.getElementById("editor");
    host.hidden = false;
    editor = edit(host, field, {
      label: words.editor, schema: schema(), run: () => run("rows"), suggestions: words.suggestions,
    });
    field.hidden = true;
    field.required = false;
    const label = document.getElementById("sql-label");
    const title = element("span", label.textContent, { id: "sql-label" });
    title.addEventListener("click", () => editor.focus());
    label.replaceWith(title);
  } catch {
    status.textContent = words.noEditor;
  }
}

const chosen = () => form.querySelector('input[name="engine"]:checked')?.value ?? "server";

async function local() {
  if (!engine) {
    status.textContent = words.loading;
    const { start } = await import("./local.js");
    engine = await start({
      worker: absolute(box.dataset.worker),
      wasm: absolute(box.dataset.wasm),
      tables: tables.filter((one) => one.file),
      words,
      loaded: (share) => { progress.value = share; },
    });
  }
  return engine;
}

/** Run what is written: for its rows, or for its plan. */
async function run(kind) {
  const sql = field.value.trim();
  if (!sql || stop) return;
  stop = new AbortController();
  const { signal } = stop;
  const inBrowser = chosen() === "browser";
  busy(true);
  editor?.fault(null);
  status.textContent = words.running;
  const began = performance.now();
  try {
    if (kind === "plan" && inBrowser) {
      const engine_ = await local();
      show(await engine_.ask(`EXPLAIN ${sql}`, 1000, signal), sql, true);
      status.textContent = "";
    } else if (kind === "plan") {
      plan(await explain(box.dataset.sql, sql, { words, signal }));
      status.textContent = "";
    } else {
      const rows = Number(box.dataset.rows);
      const result = inBrowser
        ? await (await local()).ask(sql, rows, signal)
        : await ask(box.dataset.sql, sql, { rows, words, signal });
      show(result, sql, inBrowser);
      const seconds = number.format(Number(((performance.now() - began) / 1000).toPrecision(2)));
      status.textContent = fill(words.done, { rows: number.format(result.rows.length), seconds });
      remembered.add(sql);
      address(sql);
    }
  } catch (error) {
    if (signal.aborted) status.textContent = words.cancelled;
    else wrong(error);
  } finally {
    stop = null;
    busy(false);
  }
}

function busy(on) {
  buttons.run.disabled = buttons.explain.disabled = on;
  buttons.cancel.hidden = !on;
  progress.hidden = !on;
  progress.removeAttribute("value");
  place.setAttribute("aria-busy", String(on));
}

function wrong(error) {
  const told = error instanceof Fault ? error : new Fault({ title: words.other, detail: error.message });
  status.textContent = "";
  const note = element("div", "", { class: "note late", role: "alert" });
  note.append(element("h2", told.title));
  if (told.detail) note.append(element("p", told.detail, { dir: "ltr", lang: "en" }));
  if (told.hint) {
    const hint = element("p", `${words.hint}: `);
    hint.append(element("bdi", told.hint, { dir: "ltr", lang: "en" }));
    note.append(hint);
  }
  if (told.position?.line) {
    note.append(element("p", fill(words.place, {
      line: number.format(told.position.line), column: number.format(told.position.column),
    })));
    editor?.fault(told.position);
  }
  place.replaceChildren(note);
}

function show(result, sql, inBrowser) {
  const parts = [element("h2", words.result)];
  if (!result.rows.length) parts.push(element("p", words.nothing));
  if (result.truncated) {
    parts.push(element("p", fill(words.cut, { rows: number.format(result.rows.length) }), { class: "note late" }));
  }
  parts.push(downloads(result, sql, inBrowser));
  const drawn = chart(result, { words, lang });
  const shapes = [...box.querySelectorAll("[data-shapes]")].map((one) => absolute(one.dataset.shapes));
  const placed = map(result, { words, shapes, backdrop: absolute(box.dataset.backdrop), number });
  if (placed) parts.push(placed);
  if (drawn) parts.push(drawn);
  parts.push(table(result, words.result));
  place.replaceChildren(...parts);
  place.focus({ preventScroll: true });
}

function downloads(result, sql, inBrowser) {
  const line = element("div", `${words.save}: `, { class: "files" });
  const formats = inBrowser ? WRITTEN : ["csv", "json", "ndjson", "parquet", "arrow"];
  for (const format of formats) {
    const button = element("button", format.toUpperCase(), { type: "button", class: "second", dir: "ltr" });
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        const found = inBrowser
          ? { blob: written(result, format), cut: result.truncated ? result.rows.length : 0 }
          : await file(box.dataset.sql, sql, format, words);
        save(found.blob, `result.${format}`);
        status.textContent = found.cut ? fill(words.cutFile, { rows: number.format(found.cut) }) : "";
      } catch (error) {
        wrong(error);
      }
      button.disabled = false;
    });
    line.append(button);
  }
  return line;
}

function plan(told) {
  const frame = element("div", "", { class: "scroll", role: "region", "aria-label": words.plan, tabindex: "0", dir: "ltr" });
  const text = element("pre", "", { lang: "zxx" });
  text.append(element("code", JSON.stringify(told.plan, null, 2)));
  frame.append(text);
  place.replaceChildren(
    element("h2", words.plan),
    element("p", fill(words.rowsRead, { rows: number.format(told.estimate.rows_read) })),
    element("p", fill(words.tablesRead, { tables: told.tables.join(", ") })),
    frame,
  );
  place.focus({ preventScroll: true });
}

/** The address of this page with a statement; empty where it would be too long. */
function linkTo(sql) {
  const query = new URLSearchParams({ q: sql });
  const link = exported ? `${location.pathname}#${query}` : `${box.dataset.page}?${query}`;
  return link.length <= LONGEST_LINK ? link : "";
}

function address(sql) {
  const link = linkTo(sql);
  if (link) history.replaceState(null, "", link);
  if (!link || exported) return;
  for (const other of document.querySelectorAll("nav.languages a[hreflang]")) {
    other.setAttribute("href", link.replace(/^\/[a-z]+\//, `/${other.hreflang}/`));
  }
}

async function share() {
  const link = linkTo(field.value.trim());
  if (!link) {
    status.textContent = words.tooLong;
    return;
  }
  await navigator.clipboard.writeText(absolute(link));
  status.textContent = words.copied;
}

/** The names of columns and tables go into the statement where the cursor is. */
function insertable() {
  for (const code of box.querySelectorAll("code[data-column]")) {
    const button = element("button", code.textContent, { type: "button", dir: "ltr" });
    Object.assign(button.dataset, { column: code.dataset.column, sql: code.dataset.sql });
    button.addEventListener("click", () => {
      if (editor) editor.insert(code.dataset.sql);
      else field.setRangeText(code.dataset.sql, field.selectionStart, field.selectionEnd, "end");
    });
    code.replaceWith(button);
  }
}

/** What the fragment of the address asks for: a statement, or the rows of a table. */
function given() {
  const fragment = location.hash.slice(1);
  const table_ = tables.find((one) => fragment === `table-${one.slug}`);
  if (table_) return `SELECT *\nFROM ${table_.sql}\nLIMIT 20`;
  return new URLSearchParams(fragment).get("q")?.slice(0, Number(box.dataset.longest));
}

const remembered = past(document.getElementById("past"), (sql) => {
  set(sql);
  editor?.focus();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  run(event.submitter === buttons.explain ? "plan" : "rows");
});
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run("rows");
  }
});
if (exported) {
  buttons.run.addEventListener("click", () => run("rows"));
  buttons.explain.addEventListener("click", () => run("plan"));
}
buttons.cancel.addEventListener("click", () => stop?.abort());
buttons.share.addEventListener("click", share);
for (const example of box.querySelectorAll("[data-example]")) {
  example.addEventListener("click", (event) => {
    event.preventDefault();
    set(example.dataset.example);
    run("rows");
  });
}

buttons.share.hidden = !navigator.clipboard;
buttons.run.hidden = buttons.explain.hidden = false;
document.getElementById("engines").hidden = false;
document.getElementById("needs-server")?.remove();
field.value = given() || field.value;
insertable();
await dress();
if (box.dataset.ran === "true" && !place.querySelector("[role=alert], pre")) run("rows");
