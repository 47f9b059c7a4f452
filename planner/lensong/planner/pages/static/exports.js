// The view as a picture with legend and scale, and as a link.
import { $, LOCALE, download, fold, say, tell } from "./dom.js";
import { hash, layerName, legendEntries } from "./layers.js";
import { cover, map } from "./map.js";
import { layerOf, on, state, variant } from "./plan.js";
import { nameOf } from "./variants.js";

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

export function startExports() {
  $("picture").addEventListener("click", () => {
    const name = fold(`${state.plan.plan_id}-${nameOf(variant())}`).replace(/[^a-z0-9]+/g, "-");
    figure().toBlob((blob) => download(`${name}.png`, blob));
  });
  $("link").addEventListener("click", async () => {
    const link = location.href;
    try {
      await navigator.clipboard.writeText(link);
      tell(say("export.copied"));
    } catch {
      tell(link); // no clipboard without permission: it stands in the address line as well
    }
  });
  const keep = () => {
    const { lng, lat } = map.getCenter();
    const view = { z: map.getZoom().toFixed(2), c: `${lat.toFixed(5)},${lng.toFixed(5)}` };
    location.replace(hash({ ...view, v: state.variantId }));
  };
  map.on("moveend", keep);
  for (const name of ["chosen", "branched"]) on(name, keep);
}

/** Return what an address says of a view. */
export function viewOf(address) {
  const parts = new URLSearchParams(address.slice(1));
  const [lat, lon] = (parts.get("c") ?? "").split(",").map(Number);
  const zoom = Number(parts.get("z"));
  const place =
    parts.has("c") && [lat, lon, zoom].every(Number.isFinite) ? { lat, lon, zoom } : null;
  return { place, variantId: parts.get("v"), layerId: parts.get("l") };
}

/** Return the view as one canvas: title, map, scale, north, legend, origin. */
function figure() {
  map.redraw();
  const view = map.getCanvas();
  const ratio = view.width / view.clientWidth;
  const [width, height] = [view.clientWidth, view.clientHeight];
  const layer = layerOf(cover.layerId);
  const legend = layer ? legendEntries(layer) : [];
  const perColumn = Math.max(
    4,
    Math.ceil(legend.length / Math.max(1, Math.floor((width - 32) / 220))),
  );
  const [top, below] = [58, 34 + perColumn * 20 + 26];
  const sheet = document.createElement("canvas");
  [sheet.width, sheet.height] = [view.width, Math.round((top + height + below) * ratio)];
  const pen = sheet.getContext("2d");
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
  pen.drawImage(view, 0, top, width, height);
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
  legend.forEach(({ colour, text }, k) => {
    const x = 16 + Math.floor(k / perColumn) * 220;
    const y = top + height + 28 + (k % perColumn) * 20;
    if (colour) {
      pen.fillStyle = colour;
      pen.fillRect(x, y - 10, 22, 13);
    }
    write(text, x + (colour ? 32 : 0), y, "12px");
  });
  const day = new Intl.DateTimeFormat(LOCALE, { dateStyle: "long" });
  write(`lensong · ${day.format(new Date())}`, 16, top + height + below - 12, "11px", "#55616d");
  return sheet;
}
