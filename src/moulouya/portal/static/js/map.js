// A map that moves: the drawing of the page, on Leaflet, loaded when a reader asks for it.
// Places keep the class of their colour, so that the style is the same in both.
const here = (path) => new URL(path, import.meta.url).href;

function loaded(element) {
  return new Promise((done, failed) => {
    element.onload = done;
    element.onerror = () => failed(new Error("not loaded"));
    document.head.append(element);
  });
}

async function leaflet() {
  if (!window.L) {
    const style = Object.assign(document.createElement("link"), {
      rel: "stylesheet", href: here("../vendor/leaflet/leaflet.css"),
    });
    const script = Object.assign(document.createElement("script"), {
      src: here("../vendor/leaflet/leaflet.js"),
    });
    await Promise.all([loaded(style), loaded(script)]);
  }
  return window.L;
}

async function json(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

// What the drawing says of each place: the class of its colour, its words and its page.
function marks(drawing) {
  const found = new Map();
  for (const mark of drawing.querySelectorAll("[data-code]")) {
    const link = mark.closest("a");
    found.set(mark.dataset.code, {
      colour: mark.getAttribute("class"),
      fill: mark.getAttribute("fill"),
      words: mark.parentNode.querySelector("title")?.textContent ?? "",
      href: link?.getAttribute("href"),
      at: mark.dataset.latitude && [Number(mark.dataset.latitude), Number(mark.dataset.longitude)],
    });
  }
  return found;
}

function tell(L, layer, mark) {
  const words = document.createElement("span");
  words.textContent = mark.words;
  layer.bindTooltip(words, { sticky: true });
  if (mark.href) layer.on("click", () => { window.location.href = mark.href; });
}

async function move(figure, button) {
  const drawing = figure.querySelector("svg.map");
  const [L, ground, shapes] = await Promise.all([
    leaflet(),
    json(figure.dataset.backdrop),
    figure.dataset.geojson ? json(figure.dataset.geojson) : null,
  ]);
  const box = document.createElement("div");
  box.className = "moving";
  box.dir = "ltr";
  box.setAttribute("role", "application");
  box.setAttribute("aria-label", figure.dataset.name);
  const known = marks(drawing);
  const legend = drawing.cloneNode(true);
  drawing.before(box);
  // Only the legend stays of the drawing.
  const keys = [...legend.querySelectorAll(".key, .legend")];
  legend.querySelectorAll(":scope > g, :scope > a, :scope > path, :scope > rect:not(.key)")
    .forEach((one) => one.remove());
  const tops = keys.map((one) => Number(one.getAttribute("y"))).filter(Boolean);
  if (tops.length) {
    const [, , width, height] = drawing.getAttribute("viewBox").split(" ").map(Number);
    const top = Math.min(...tops) - 4;
    legend.setAttribute("viewBox", `0 ${top} ${width} ${height - top}`);
    legend.removeAttribute("height");
    drawing.replaceWith(legend);
  } else {
    drawing.remove();
  }
  const map = L.map(box, { minZoom: 4, maxZoom: 14, zoomSnap: 0.5 });
  map.attributionControl.setPrefix("").addAttribution("Natural Earth");
  const features = (kind) => ({
    type: "FeatureCollection",
    features: ground.features.filter((one) => one.properties.kind === kind),
  });
  for (const kind of ["neighbour", "kingdom"]) {
    L.geoJSON(features(kind), {
      interactive: false,
      style: { className: kind, stroke: false, fillOpacity: 1 },
    }).addTo(map);
  }
  const layers = L.featureGroup();
  if (shapes) {
    L.geoJSON(shapes, {
      style: (one) => {
        const mark = known.get(one.properties.code);
        return {
          className: mark?.colour ?? "shape none", fillOpacity: 1, weight: 1,
          fillColor: mark?.fill ?? undefined,
        };
      },
      pointToLayer: (one, at) => L.circleMarker(at, { radius: 6 }),
      onEachFeature: (one, layer) => {
        const mark = known.get(one.properties.code);
        if (mark) tell(L, layer, mark);
      },
    }).addTo(layers);
  }
  for (const mark of known.values()) {
    if (!mark.at) continue;
    const dot = L.circleMarker(mark.at, { radius: 6, className: mark.colour, fillOpacity: 1 });
    tell(L, dot, mark);
    dot.addTo(layers);
  }
  layers.addTo(map);
  map.fitBounds(layers.getBounds(), { animate: false });
  button.remove();
  box.focus();
}

for (const figure of document.querySelectorAll(".map-figure")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = figure.dataset.move;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await move(figure, button);
    } catch {
      button.textContent = figure.dataset.failed;
    }
  });
  figure.querySelector("svg.map")?.before(button);
}
