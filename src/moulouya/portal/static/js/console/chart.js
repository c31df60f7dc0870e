// A plain chart of a result: bars, a line or points, with the table of the same values below it.
import { element, numeric, shown } from "./table.js";

const WIDE = 720, NARROW = 400, HEIGHT = 320, LEFT = 64, RIGHT = 14, TOP = 14, BOTTOM = 58, MOST = 400;

function svg(tag, attributes = {}, said = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (said) made.textContent = said;
  return made;
}

/** Round values from one to another, about five of them. */
function steps(low, high) {
  const rough = (high - low || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step) found.push(Number(at.toPrecision(12)));
  return found;
}

/** A drawing of two columns. */
function drawing({ rows }, kind, across, upward, { lang, name, acrossNumeric }) {
  const width = innerWidth < 600 ? NARROW : WIDE;
  const pairs = rows.map((row) => [row[across], row[upward] === null ? NaN : Number(row[upward])])
    .filter(([, value]) => Number.isFinite(value)).slice(0, MOST);
  const values = pairs.map(([, value]) => value);
  const zero = kind === "scatter" ? [] : [0];
  const low = Math.min(...values, ...zero), high = Math.max(...values, ...zero);
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low || 1));
  const numbers = acrossNumeric && kind !== "bars";
  const xs = numbers ? pairs.map(([value]) => Number(value)) : pairs.map((_, place) => place + 0.5);
  const first = numbers ? Math.min(...xs) : 0, last = numbers ? Math.max(...xs) : pairs.length;
  const x = (value) => LEFT + (width - LEFT - RIGHT) * ((value - first) / (last - first || 1));
  const number = new Intl.NumberFormat(lang, { notation: "compact", maximumFractionDigits: 2 });
  const plain = new Intl.NumberFormat(lang, { useGrouping: false, maximumFractionDigits: 3 });
  const drawn = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": name, direction: "ltr" });
  for (const step of steps(low, high)) {
    drawn.append(svg("line", { x1: LEFT, x2: width - RIGHT, y1: y(step), y2: y(step) }));
    drawn.append(svg("text", { x: LEFT - 6, y: y(step) + 4, "text-anchor": "end" }, number.format(step)));
  }
  const label = (at, said) => drawn.append(
    svg("text", { x: at, y: HEIGHT - BOTTOM + 20, "text-anchor": "middle" }, said.slice(0, 14)));
  if (numbers) for (const step of steps(first, last)) label(x(step), plain.format(step));
  else {
    const each = Math.ceil(pairs.length / (width === WIDE ? 8 : 4));
    pairs.forEach(([said], place) => { if (place % each === 0) label(x(place + 0.5), shown(said)); });
  }
  if (kind === "line") {
    const order = pairs.map(([, value], place) => [xs[place], value]);
    if (numbers) order.sort((one, other) => one[0] - other[0]);
    drawn.append(svg("polyline", { points: order.map(([at, value]) => `${x(at)},${y(value)}`).join(" ") }));
  }
  pairs.forEach(([said, value], place) => {
    const wide = (width - LEFT - RIGHT) / pairs.length;
    const shape = kind === "bars"
      ? svg("rect", { x: x(place) + wide * 0.1, width: wide * 0.8, y: Math.min(y(value), y(0)), height: Math.abs(y(value) - y(0)) })
      : svg("circle", { cx: x(xs[place]), cy: y(value), r: kind === "line" ? 3 : 4 });
    shape.append(svg("title", {}, `${shown(said)}: ${value}`));
    drawn.append(shape);
  });
  return drawn;
}

/** A form that chooses, and the drawing below it; null where no column is a number. */
export function chart(result, { words, lang }) {
  const { columns, rows } = result;
  const measures = columns.flatMap((column, place) => (numeric(column) ? [place] : []));
  if (!measures.length || rows.length < 2) return null;
  const box = element("div");
  const form = element("div", "", { class: "drawing-form" });
  const pick = (said, options, chosen) => {
    const label = element("label", said);
    const select = element("select");
    for (const [value, name] of options) select.append(new Option(name, value, false, value === chosen));
    label.append(select);
    form.append(label);
    return select;
  };
  const every = columns.map((column, place) => [String(place), column.name]);
  const others = columns.map((_, place) => place).filter((place) => !measures.includes(place));
  const across = others[0] ?? measures[0];
  const positions = measures.some((place) => /^(lat|lon|latitude|longitude)$/i.test(columns[place].name));
  const upward = measures.find((place) => place !== across) ?? measures[0];
  const temporal = /^(DATE|TIMESTAMP)/.test(columns[across].type) || /(^|_)(year|annee)$/i.test(columns[across].name);
  const likely = columns.length > 4 || rows.length > MOST || positions ? "none"
    : others.length ? (temporal ? "line" : "bars")
    : measures.length < 2 ? "none" : temporal ? "line" : "scatter";
  const kinds = ["none", "bars", "line", "scatter"].map((kind) => [kind, words[kind]]);
  const kind = pick(words.chart, kinds, likely);
  const from = pick(words.across, every, String(across));
  const to = pick(words.upward, measures.map((place) => every[place]), String(upward));
  const figure = element("figure", "", { class: "drawn" });
  const redraw = () => {
    figure.replaceChildren();
    if (kind.value === "none") return;
    const place = Number(from.value);
    const name = words.drawn.replace("{upward}", columns[Number(to.value)].name).replace("{across}", columns[place].name);
    figure.append(drawing(result, kind.value, place, Number(to.value), {
      lang, name, acrossNumeric: numeric(columns[place]),
    }));
    const cut = rows.length > MOST ? ` ${words.cutChart.replace("{rows}", MOST)}` : "";
    figure.append(element("figcaption", name + cut));
  };
  form.addEventListener("change", redraw);
  redraw();
  box.append(form, figure);
  return box;
}
