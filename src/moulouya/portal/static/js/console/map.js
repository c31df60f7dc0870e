// A result with positions, or with codes of places, on a map that is loaded when it is asked for.
import { element, numeric, shown } from "./table.js";

const CODE = /(^|_)(code|commune|province|region|place)(_|$)/i;
const CLASSES = 5, LEAST_SHARE = 0.2;

const LATITUDE = /^(latitude|lat|y_lat)$/i, LONGITUDE = /^(longitude|lon|lng|long|x_lon)$/i;
const here = (path) => new URL(path, import.meta.url).href;

function loaded(node) {
  return new Promise((done, failed) => {
    node.onload = done;
    node.onerror = () => failed(new Error("not loaded"));
    document.head.append(node);
  });
}

async function leaflet() {
  if (!window.L) {
    await Promise.all([
      loaded(element("link", "", { rel: "stylesheet", href: here("../../vendor/leaflet/leaflet.css") })),
      loaded(element("script", "", { src: here("../../vendor/leaflet/leaflet.js") })),
    ]);
  }
  return window.L;
}

const json = (address) => fetch(address).then((answer) => answer.json());

/** A button that shows the rows on a map; null where they have no place. */
export function map(result, { words, shapes, backdrop, number }) {
  const { columns, rows } = result;
  const find = (like) => columns.findIndex((column) => like.test(column.name) && numeric(column));
  const [latitude, longitude] = [find(LATITUDE), find(LONGITUDE)];
  const placed = rows.filter((row) => Number.isFinite(row[latitude]) && Number.isFinite(row[longitude])
    && Math.abs(row[latitude]) <= 90 && Math.abs(row[longitude]) <= 180);
  const coded = columns.flatMap((column, place) => (CODE.test(column.name) && !numeric(column) ? [place] : []));
  const positions = latitude >= 0 && longitude >= 0 && placed.length > 0;
  if (!positions && !(coded.length && shapes.length && rows.length)) return null;
  const box = element("div");
  const button = element("button", words.map, { type: "button", class: "second" });
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const layers = positions
        ? (L) => dots(L, placed, columns, latitude, longitude)
        : await areas(result, coded, shapes, number);
      await draw(box, layers, backdrop, words.map);
      button.remove();
    } catch {
      box.querySelector(".map-box")?.remove();
      button.textContent = words.mapFailed;
    }
  });
  box.append(button);
  return box;
}

function told(columns, row) {
  const said = element("span");
  columns.forEach((column, place) => {
    said.append(element("span", `${column.name}: ${shown(row[place]).slice(0, 80)}`), document.createElement("br"));
  });
  return said;
}

function dots(L, rows, columns, latitude, longitude) {
  const found = L.featureGroup();
  for (const row of rows) {
    L.circleMarker([row[latitude], row[longitude]], { radius: 6, weight: 1, className: "dot", fillOpacity: 0.8 })
      .bindTooltip(told(columns, row), { sticky: true }).addTo(found);
  }
  return { found };
}

/** The boundaries in which the most codes of a column are found, coloured by the first numbers. */
async function areas({ columns, rows }, coded, shapes, number) {
  let best = { hits: 0 };
  for (const address of shapes) {
    const { features } = await json(address);
    const codes = new Set(features.map((one) => one.properties.code));
    for (const place of coded) {
      const hits = rows.filter((row) => codes.has(row[place])).length;
      if (hits > best.hits) best = { hits, place, features };
    }
  }
  if (best.hits < rows.length * LEAST_SHARE) throw new Error("no such places");
  const byCode = new Map(rows.map((row) => [row[best.place], row]));
  const value = columns.findIndex((column) => numeric(column));
  const values = [...byCode.values()].map((row) => row[value]).filter(Number.isFinite).sort((a, b) => a - b);
  const edges = Array.from({ length: CLASSES + 1 }, (_, step) =>
    values[Math.min(values.length - 1, Math.floor((step * values.length) / CLASSES))]);
  const classOf = (one) => (Number.isFinite(one)
    ? `q${edges.slice(1, CLASSES).filter((edge) => one >= edge).length}`
    : "none");
  return (L) => {
    const features = best.features.filter((one) => byCode.has(one.properties.code));
    const found = L.geoJSON({ type: "FeatureCollection", features }, {
      style: (one) => ({ className: `shape ${classOf(byCode.get(one.properties.code)[value])}`, weight: 1, fillOpacity: 1 }),
      pointToLayer: (_, at) => L.circleMarker(at, { radius: 6 }),
      onEachFeature: (one, layer) => layer.bindTooltip(told(columns, byCode.get(one.properties.code)), { sticky: true }),
    });
    return { found, keys: values.length > 1 ? legend(columns[value].name, edges, number) : null };
  };
}

function legend(name, edges, number) {
  const list = element("ul", "", { class: "keys" });
  list.append(element("li", name));
  for (let step = 0; step < CLASSES; step += 1) {
    if (step && edges[step] === edges[step - 1]) continue;
    const item = element("li");
    const swatch = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const colour = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    swatch.setAttribute("aria-hidden", "true");
    for (const [key, one] of [["width", "100%"], ["height", "100%"], ["class", `q${step}`]]) colour.setAttribute(key, one);
    swatch.append(colour);
    item.append(swatch, element("bdi", ` ${number.format(edges[step])} – ${number.format(edges[step + 1])}`, { dir: "ltr" }));
    list.append(item);
  }
  return list;
}

async function draw(box, layers, backdrop, label) {
  const [L, ground] = await Promise.all([leaflet(), json(backdrop)]);
  const frame = element("div", "", { class: "map-box", dir: "ltr", role: "application", "aria-label": label });
  box.append(frame);
  const drawn = L.map(frame, { minZoom: 4, maxZoom: 14, zoomSnap: 0.5 });
  drawn.attributionControl.setPrefix("").addAttribution("Natural Earth");
  for (const kind of ["neighbour", "kingdom"]) {
    const features = ground.features.filter((one) => one.properties.kind === kind);
    L.geoJSON({ type: "FeatureCollection", features }, {
      interactive: false, style: { className: kind, stroke: false, fillOpacity: 1 },
    }).addTo(drawn);
  }
  const { found, keys } = layers(L);
  found.addTo(drawn);
  drawn.fitBounds(found.getBounds(), { animate: false, maxZoom: 10 });
  if (keys) box.append(keys);
  frame.focus();
}
