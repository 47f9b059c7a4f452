// The layer's legend, the value at the pointer, and the figure as one picture to save or print.
let picture = null; // decoded pixels of the layer that is shown

/** Keep the pixels of a layer, to read values back from its colours. */
function readPicture(layer) {
  picture = null;
  if (!layer) return;
  const image = new Image();
  image.onload = () => {
    const sheet = document.createElement("canvas");
    [sheet.width, sheet.height] = [image.width, image.height];
    const pen = sheet.getContext("2d", { willReadFrequently: true });
    pen.drawImage(image, 0, 0);
    if (layer === shown.layer) picture = { pen, width: image.width, height: image.height };
  };
  image.src = layer.url;
}

const mercator = (lat) => Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360));

/** Return the legend class at a place, null outside the picture or where it is empty. */
function classAt({ lng, lat }) {
  if (!picture) return null;
  const [[west, north], , [east, south]] = MAP.corners_deg;
  const col = Math.floor(((lng - west) / (east - west)) * picture.width);
  const row = Math.floor(
    ((mercator(north) - mercator(lat)) / (mercator(north) - mercator(south))) * picture.height,
  );
  if (col < 0 || row < 0 || col >= picture.width || row >= picture.height) return null;
  const [red, green, blue, alpha] = picture.pen.getImageData(col, row, 1, 1).data;
  if (!alpha) return null;
  const colour = `#${[red, green, blue].map((c) => c.toString(16).padStart(2, "0")).join("")}`;
  return shown.layer.classes.find((c) => c.colour === colour) ?? null;
}

const NO_LOWER_END = -400; // a class of differences that begins here is open below

/** Return the words of a legend class: a cause, a cell or a range. */
function className(entry, unit) {
  if (entry.key) return say(entry.key);
  if (entry.text) return entry.text;
  const value = (v) => number(v, 2, true);
  const tail = unit ? ` ${unit}` : "";
  if (entry.low === undefined || entry.low <= NO_LOWER_END) return `< ${value(entry.high)}${tail}`;
  if (entry.high === undefined) return `≥ ${value(entry.low)}${tail}`;
  return `${value(entry.low)} … ${value(entry.high)}${tail}`;
}

function readValue(lngLat) {
  const entry = classAt(lngLat);
  const place = `${number(lngLat.lat, 5)}°, ${number(lngLat.lng, 5)}°`;
  const value = shown.layer
    ? entry
      ? className(entry, shown.layer.unit)
      : say("map.nothing")
    : "";
  const box = document.getElementById("readout");
  box.hidden = false;
  box.replaceChildren(el("b", {}, value), ` ${place}`);
}

function layerTitle() {
  if (!shown.layer) return say("layer.none");
  const { kind, technology, service, operator } = shown.layer;
  const any = DATA.operators.length ? say("operator.any").toLowerCase() : "";
  const of =
    operator === null ? [technology, any].filter(Boolean).join(", ") : operatorName(operator);
  return [`${say(`layer.${kind}`)} ${of}`, service && serviceName(service)]
    .filter(Boolean)
    .join(" · ");
}

const MOST_CELLS = 36; // a longer list of cells is no legend: the pointer names them

function legendEntries() {
  if (!shown.layer) return [];
  const { classes, unit, kind, floor_dbm: floor } = shown.layer;
  const many = kind === "server" && classes.length > MOST_CELLS;
  const entries = many
    ? [{ text: say("map.many_cells", { n: classes.length }) }]
    : classes.map((c) => ({
        colour: c.colour,
        text: className(c, unit),
        note: (c.services ?? []).map(serviceName).join(", "),
      }));
  if (["rsrp", "sinr", "downlink", "uplink", "probability", "field"].includes(kind))
    entries.reverse();
  if (floor !== null) entries.push({ text: say("map.below", { n: floor, unit: "dBm" }) });
  else if (classes[0]?.low !== undefined && !["half", "field"].includes(kind))
    entries.push({ text: say("map.below", { n: classes[0].low, unit }) });
  return entries;
}

function fillLegend() {
  document.querySelector("[data-legend-title]").textContent = layerTitle();
  document.querySelector("[data-layer-title]").textContent = layerTitle();
  document
    .getElementById("legend")
    .replaceChildren(
      ...legendEntries().map((entry) =>
        el(
          "li",
          { class: entry.colour ? null : "empty" },
          entry.colour ? el("i", { style: `background:${entry.colour}` }) : null,
          el("span", {}, entry.text, entry.note ? el("small", {}, ` ${entry.note}`) : ""),
        ),
      ),
    );
}

const hasChip = (name) => document.querySelector(`#chips [data-class="${name}"]`) !== null;

/** What the signs on the map mean; each has a shape, a colour and a word. */
function keyEntries() {
  const uncertain = MAP.masts.some((m) => m.uncertain);
  const small = (sheet, width, height) => ({ sheet, width, height });
  return [
    ...["covered", "patchy", "no_signal", "beyond_radius", "unknown"]
      .filter(hasChip)
      .map((name) => [small(classSymbol(name), 18, 18), say(`class.${name}`)]),
    [small(mastSymbol(false), 16, 16), say("mast")],
    uncertain && [small(mastSymbol(true), 16, 16), `${say("mast")}, ${say("map.uncertain")}`],
    ...DATA.technologies.map((t) => [small(wedgeKey(t), 22, 18), `${say("azimuth")} ${t}`]),
    MAP.gaps.features.length && [
      small(hatchBox(), 22, 14),
      say("map.gap_hatch", { service: serviceName(DATA.class_service) }),
    ],
    MAP.area.features.length && [small(lineBox([2, 3], 2), 22, 14), say("map.area")],
    ...MAP.lines.features.map(({ properties: { kind, label } }) => [
      small(lineBox(LINES[kind].dash, LINES[kind].width, LINES[kind].colour), 22, 14),
      label || say(`lines.${kind}`),
    ]),
    MAP.communes && [
      small(lineBox([7.5, 4.5, 1.5, 4.5], 1.5, "#5b4a8a"), 22, 14),
      say("map.communes"),
    ],
    ...proposalKey(),
    ...measuredKey(),
  ].filter(Boolean);
}

const hatchBox = () =>
  canvas(22, 14, (pen) => {
    pen.fillStyle = pen.createPattern(
      canvas(
        10 / SHARP,
        10 / SHARP,
        (p) => (p.scale(1 / SHARP, 1 / SHARP), p.drawImage(hatchSymbol(), 0, 0, 10, 10)),
      ),
      "repeat",
    );
    pen.fillRect(0, 0, 22, 14);
    pen.strokeStyle = COLOURS.gap;
    pen.strokeRect(0.5, 0.5, 21, 13);
  });
const lineBox = (dash, width, colour = "#17212b") =>
  canvas(22, 14, (pen) => {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(0, 7);
    pen.lineTo(22, 7);
    pen.stroke();
  });

function fillKey() {
  document.getElementById("key").replaceChildren(
    ...keyEntries().map(([{ sheet, width, height }, text]) => {
      const copy = el("canvas", { "aria-hidden": "true" });
      [copy.width, copy.height] = [24 * SHARP, 18 * SHARP];
      const scale = Math.min(24 / width, 18 / height, 1) * SHARP;
      copy
        .getContext("2d")
        .drawImage(
          sheet,
          (copy.width - width * scale) / 2,
          (copy.height - height * scale) / 2,
          width * scale,
          height * scale,
        );
      return el("li", {}, copy, text);
    }),
  );
}

/** Return the figure as one canvas: title, map, scale bar, north, legend, date and origin. */
function figureCanvas() {
  const view = map.getCanvas();
  const ratio = view.width / view.clientWidth;
  const width = view.clientWidth;
  const legend = legendEntries();
  const key = keyEntries();
  const probe = document.createElement("canvas").getContext("2d");
  probe.font = `12px ${FONT}`;
  const texts = [
    ...legend.map((entry) => [entry.text, entry.note].filter(Boolean).join("  ")),
    ...key.map(([, text]) => text),
  ];
  const column = 56 + Math.max(...texts.map((text) => probe.measureText(text).width));
  const perColumn = Math.max(
    5,
    Math.ceil((legend.length + key.length) / Math.max(1, Math.floor((width - 32) / column))),
  );
  const [top, below] = [56, 26 + perColumn * 20 + 30];
  const sheet = document.createElement("canvas");
  [sheet.width, sheet.height] = [view.width, Math.round((top + view.clientHeight + below) * ratio)];
  const pen = sheet.getContext("2d");
  pen.scale(ratio, ratio);
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, top + view.clientHeight + below);
  const write = (text, x, y, font, colour = "#17212b", align = "left") => {
    pen.font = `${font} ${FONT}`;
    pen.fillStyle = colour;
    pen.textAlign = align;
    pen.fillText(text, x, y);
  };
  write(DATA.title, 16, 24, "650 18px");
  write(layerTitle(), 16, 45, "14px", "#55616d");
  pen.drawImage(view, 0, top, width, view.clientHeight);
  if (DATA.synthetic) {
    pen.font = `700 16px ${FONT}`;
    const long = pen.measureText(say("synthetic")).width + 24;
    pen.fillStyle = "#ffd447";
    pen.fillRect(12, top + 12, long, 30);
    write(say("synthetic"), 24, top + 33, "700 16px", "#1d1700");
  }
  pen.fillStyle = "rgba(255,255,255,0.9)";
  pen.fillRect(width - 42, top + 12, 30, 40);
  write("▲", width - 27, top + 28, "14px", "#17212b", "center");
  write(say("north.letter"), width - 27, top + 45, "700 13px", "#17212b", "center");
  const bar = document.querySelector(".maplibregl-ctrl-scale");
  const barTop = top + view.clientHeight - 30;
  pen.fillStyle = "rgba(255,255,255,0.9)";
  pen.fillRect(12, barTop, bar.offsetWidth + 12, 22);
  pen.fillStyle = "#17212b";
  pen.fillRect(18, barTop + 17, bar.offsetWidth, 2);
  write(bar.textContent.trim(), 18, barTop + 13, "12px");
  let place = 0;
  const next = () => {
    const at = [
      16 + Math.floor(place / perColumn) * column,
      top + view.clientHeight + 26 + (place % perColumn) * 20,
    ];
    place += 1;
    return at;
  };
  for (const { colour, text, note } of legend) {
    const [x, y] = next();
    if (colour) {
      pen.fillStyle = colour;
      pen.fillRect(x, y - 10, 22, 13);
    }
    write([text, note].filter(Boolean).join("  "), x + (colour ? 32 : 0), y, "12px");
  }
  for (const [{ sheet: sign, width: w, height: h }, text] of key) {
    const [x, y] = next();
    const scale = Math.min(22 / w, 18 / h, 1);
    pen.drawImage(sign, x + 11 - (w * scale) / 2, y - 4 - (h * scale) / 2, w * scale, h * scale);
    write(text, x + 32, y, "12px");
  }
  const origin = [
    ...document.querySelectorAll("figcaption [data-origin], figcaption [data-date]"),
  ].map((node) => node.textContent.trim());
  write(
    [...origin, say("result_id", { id: DATA.result_id })].join("   "),
    16,
    top + view.clientHeight + below - 12,
    "11px",
    "#55616d",
  );
  return sheet;
}

addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details")) part.open = true;
  if (map) document.getElementById("print-map").src = figureCanvas().toDataURL("image/png");
});
