// A result as a table, and as a file where it was made in this browser.

const NUMBERS = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL)/;

/** Whether the values of a column are numbers. */
export const numeric = (column) => NUMBERS.test(column.type) && !column.type.endsWith("]");

/** A value as it is shown; empty for none. */
export function shown(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Another element, with its text and attributes. */
export function element(tag, said = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = said;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** The rows in a frame that scrolls. */
export function table({ columns, rows }, label) {
  const made = element("table", "", { class: "data" });
  const head = made.createTHead().insertRow();
  for (const column of columns) {
    const cell = element("th", `${column.name} `, { scope: "col" });
    if (numeric(column)) cell.className = "num";
    cell.append(element("code", column.type));
    head.append(cell);
  }
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    row.forEach((value, place) => {
      const cell = line.insertCell();
      if (numeric(columns[place])) cell.className = "num";
      else cell.dir = "auto";
      if (value === null) cell.append(element("span", "—", { class: "empty" }));
      else cell.textContent = shown(value).slice(0, 2000);
    });
  }
  const frame = element("div", "", { class: "scroll records", role: "region", "aria-label": label, tabindex: "0", dir: "ltr" });
  frame.append(made);
  return frame;
}

const asObject = (columns, row) => Object.fromEntries(columns.map((column, place) => [column.name, row[place]]));
const inCsv = (value) => {
  const written = shown(value);
  return /[",\r\n]/.test(written) ? `"${written.replaceAll('"', '""')}"` : written;
};
const WRITERS = {
  csv: ({ columns, rows }) => [columns.map((column) => column.name), ...rows]
    .map((row) => `${row.map(inCsv).join(",")}\r\n`).join(""),
  json: ({ columns, rows }) => JSON.stringify(rows.map((row) => asObject(columns, row))),
  ndjson: ({ columns, rows }) => rows.map((row) => `${JSON.stringify(asObject(columns, row))}\n`).join(""),
};

/** The formats in which a result can be written here. */
export const WRITTEN = Object.keys(WRITERS);

/** A result that is in this browser, as a file. */
export const written = (result, format) => new Blob([WRITERS[format](result)]);

/** Hand a file to the reader. */
export function save(blob, name) {
  const link = element("a", "", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
