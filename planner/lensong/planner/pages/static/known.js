// What a calibration knows: areas whose levels are unsure are hatched, and on what a level rests.
import { $, el, number, say, signed } from "./dom.js";
import { Cover } from "./cover.js";
import { state } from "./plan.js";

const MOST_CELLS = 2e6; // of a grid that is hatched without being asked: it costs the server seconds
const GAP = 8; // pixels from line to line; the grid layer reads it

/** The layers of what is hatched: levels no surer than without a calibration, as reports have it. */
const wideLayers = () => state.plan.layers.filter((l) => l.quantity === "wide");

/** A cover that hatches where levels are unsure. */
export class Hatch extends Cover {
  painter() {
    return ({ data }) => {
      const pixels = new Uint8Array(4 * data.length);
      data.forEach((wide, i) => wide && pixels.set([GAP, 0, 0, 255], 4 * i));
      return pixels;
    };
  }

  wanted() {
    return this.hidden ? [] : super.wanted();
  }

  hide(hidden) {
    this.hidden = hidden;
    this.refresh();
  }

  /** Hatch what is unsure of the technology that is shown; nothing without a calibration. */
  over(layer) {
    const own = wideLayers();
    const found = own.find((l) => l.technology === layer.technology) ?? own[0];
    if (found && found.layer_id !== this.layerId) this.show(found.layer_id);
  }
}

export const isCalibrated = () => wideLayers().length > 0;

/** Return what the hatching means. */
export const hatchText = () => say("hatch.key", { n: wideLayers()[0].legend[0].half_db });

/** Draw the hatching in a box of a figure, as the map has it. */
export function drawHatch(pen, x, y, width, height) {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, width, height);
  pen.clip();
  pen.beginPath();
  for (let at = -height; at < width; at += GAP) {
    pen.moveTo(x + at, y);
    pen.lineTo(x + at + height, y + height);
  }
  pen.strokeStyle = "#17212b";
  pen.lineWidth = 1.1;
  pen.stroke();
  pen.restore();
  pen.strokeStyle = "#17212b";
  pen.lineWidth = 1;
  pen.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
}

/** Say what the hatching means, where there is any. */
export function startKnown(hatch) {
  $("hatch-key").hidden = !isCalibrated();
  const { rows, cols } = state.plan.grid;
  const box = document.querySelector('[data-overlay="interval"]');
  box.checked = rows * cols <= MOST_CELLS;
  hatch.hidden = !box.checked;
  box.closest("label").hidden = !isCalibrated();
  if (!isCalibrated()) return;
  const sign = el("i", { class: "hatch", "aria-hidden": "true" });
  $("hatch-key").replaceChildren(el("li", {}, sign, el("span", {}, hatchText())));
}

const BASES = { measured: "●", "calibrated here": "◐", "model only": "○" };

/** Return on what a level rests, as a sign and words; nothing without a calibration. */
export const basisText = (basis) =>
  basis ? `${BASES[basis]} ${say(`basis.${basis.replaceAll(" ", "_")}`)}` : "";

/** Return how sure the levels of a village are, by technology. */
export const intervalText = (interval) =>
  Object.entries(interval ?? {})
    .filter(([, half]) => half !== null)
    .map(([technology, half]) => `${technology} ±${number(half, 1)} dB`)
    .join(", ");

/** Return the lines of a place's facts that tell on what its levels rest. */
export function knownRows(point, technologies) {
  if (!Object.keys(point.known ?? {}).length) return [];
  const line = (name, value) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, name),
      technologies.map((t) =>
        el("td", { class: "n" }, point.known[t] ? value(point.known[t]) : "–"),
      ),
    );
  return [
    line(say("known.basis"), ({ basis }) => basisText(basis)),
    line([say("known.interval"), el("small", {}, "dB")], (k) => `±${number(k.interval_db, 1)}`),
    line([say("known.field"), el("small", {}, "dB")], (k) => signed(k.field_db, 1)),
  ];
}

/** Return what a calibration says of a cell, nothing without one. */
export function calibrationText({ calibration: found }) {
  if (!found) return "";
  return [
    say(`calibration.${found.basis}`, { bias: signed(found.bias_db, 1) }),
    found.why && say(`calibration.why.${found.why}`),
  ]
    .filter(Boolean)
    .join(" ");
}
