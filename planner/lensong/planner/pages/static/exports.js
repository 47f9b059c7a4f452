// The view as a picture with legend and scale, and as a link.
import { $, LOCALE, download, fold, say, tell } from "./dom.js";
import { layerName, legendEntries } from "./layers.js";
import { drawHatch, hatchText, isCalibrated } from "./known.js";
import { GROUND, cover, map, sheets } from "./map.js";
import { measuredKey } from "./measured.js";
import { layerOf, on, state, variant } from "./plan.js";
import { nameOf } from "./variants.js";
import { keepView, linkOf, placeParts } from "./view.js";

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

export function startExports() {
  $("picture").addEventListener("click", () => {
    const name = fold(`${state.plan.plan_id}-${nameOf(variant())}`).replace(/[^a-z0-9]+/g, "-");
    figure().toBlob((blob) => download(`${name}.png`, blob));
  });
  $("link").addEventListener("click", async () => {
    const link = linkOf(state.plan.plan_id);
    try {
      await navigator.clipboard.writeText(link);
      tell(say("export.copied"));
    } catch {
      tell(link); // no clipboard without permission: it stands in the address line as well
    }
  });
  const keep = () => keepView({ ...placeParts(map), v: state.variantId });
  map.on("moveend", keep);
  for (const name of ["chosen", "branched"]) on(name, keep);
}

/** Return what the signs of the view mean: a `colour`, `dot` or `hatch`, and its `text`. */
function keyEntries(layer) {
  const overlay = (name) => {
    const box = document.querySelector(`[data-overlay="${name}"]`);
    return box.checked && !box.closest("label").hidden;
  };
  return [
    ...(layer ? legendEntries(layer) : []),
    ...(isCalibrated() && overlay("interval") ? [{ hatch: true, text: hatchText() }] : []),
    ...(overlay("measurements") ? measuredKey() : []),
  ];
}

function drawKey(pen, { colour, dot, hatch }, x, y) {
  if (hatch) drawHatch(pen, x, y, 22, 13);
  else if (dot) {
    pen.beginPath();
    pen.arc(x + 11, y + 6.5, 4.5, 0, 2 * Math.PI);
    pen.fillStyle = dot;
    pen.fill();
    pen.strokeStyle = "#17212b";
    pen.lineWidth = 1;
    pen.stroke();
  } else if (colour) {
    pen.fillStyle = colour;
    pen.fillRect(x, y, 22, 13);
  }
}

/** Return the view as one canvas: title, map, scale, north, legend, origin. */
function figure() {
  const view = map.getCanvas();
  const ratio = view.width / view.clientWidth;
  const [width, height] = [view.clientWidth, view.clientHeight];
  const layer = layerOf(cover.layerId);
  const legend = keyEntries(layer);
  const sheet = document.createElement("canvas");
  const pen = sheet.getContext("2d");
  pen.font = `12px ${FONT}`;
  const wide = Math.max(170, ...legend.map(({ text }) => pen.measureText(text).width)) + 50;
  const columns = Math.max(1, Math.floor((width - 32) / wide));
  const perColumn = Math.max(4, Math.ceil(legend.length / columns));
  const [top, below] = [58, 34 + perColumn * 20 + 26];
  [sheet.width, sheet.height] = [view.width, Math.round((top + height + below) * ratio)];
  pen.scale(ratio, ratio);
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, top + height + below);
  const write = (text, x, y, font, colour = "#17212b", align = "left") => {
    pen.font = `${font} ${FONT}`;
    pen.fillStyle = colour;
    pen.textAlign = align;
    pen.fillText(text, x, y);
  };
  write(state.plan.title, 16, 25, "650 18px");
  const now = variant();
  const told = [nameOf(now), say("state.revision", { n: now.revision }), layer && layerName(layer)];
  write(told.filter(Boolean).join(" · "), 16, 46, "13px", "#55616d");
  pen.fillStyle = GROUND;
  pen.fillRect(0, top, width, height);
  for (const sheet of sheets) {
    sheet.draw();
    pen.drawImage(sheet.canvas, 0, top, width, height);
  }
  map.redraw();
  pen.drawImage(view, 0, top, width, height);
  if (!$("divider").hidden) {
    const at = cover.layer.split * width;
    pen.fillStyle = "#17212b";
    pen.fillRect(at - 1, top, 2, height);
    for (const side of ["a", "b"]) {
      const name = $(`side-${side}`).textContent;
      pen.font = `13px ${FONT}`;
      const long = pen.measureText(name).width + 16;
      const x = side === "a" ? at - 8 - long : at + 8;
      pen.fillStyle = "#17212b";
      pen.fillRect(x, top + height - 64, long, 24);
      write(name, x + 8, top + height - 47, "13px", "#fff");
    }
  }
  if (state.plan.synthetic) {
    pen.font = `700 15px ${FONT}`;
    const long = pen.measureText(say("synthetic")).width + 24;
    pen.fillStyle = "#ffd447";
    pen.fillRect(12, top + 12, long, 28);
    write(say("synthetic"), 24, top + 31, "700 15px", "#1d1700");
  }
  pen.fillStyle = "rgba(255,255,255,0.9)";
  pen.fillRect(width - 42, top + 12, 30, 40);
  write("▲", width - 27, top + 28, "14px", "#17212b", "center");
  write(say("north.letter"), width - 27, top + 45, "700 13px", "#17212b", "center");
  const bar = document.querySelector(".maplibregl-ctrl-scale");
  const barTop = top + height - 30;
  pen.fillStyle = "rgba(255,255,255,0.9)";
  pen.fillRect(12, barTop, bar.offsetWidth + 12, 22);
  pen.fillStyle = "#17212b";
  pen.fillRect(18, barTop + 17, bar.offsetWidth, 2);
  write(bar.textContent.trim(), 18, barTop + 13, "12px");
  legend.forEach((entry, k) => {
    const x = 16 + Math.floor(k / perColumn) * wide;
    const y = top + height + 28 + (k % perColumn) * 20;
    drawKey(pen, entry, x, y - 10);
    write(entry.text, x + (entry.colour || entry.dot || entry.hatch ? 32 : 0), y, "12px");
  });
  const day = new Intl.DateTimeFormat(LOCALE, { dateStyle: "long" });
  write(`lensong · ${day.format(new Date())}`, 16, top + height + below - 12, "11px", "#55616d");
  return sheet;
}
