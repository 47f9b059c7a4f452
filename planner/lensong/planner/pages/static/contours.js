// Contour lines of the ground in view, drawn from its heights by marching squares.
// They are a picture: the map draws that again with every frame, not some ten thousand lines.
import { Refusal, values } from "./api.js";
import { GridLayer } from "./grid_layer.js";
import { mercatorX, mercatorY } from "./lattice.js";
import { hasInputs, planPath } from "./plan.js";

const MOST_CELLS = 360; // samples along a side of the view
const WIDTHS = { main: 1.2, other: 0.7 };
const [COLOUR, OPACITY] = ["#6b5234", 0.45];
const HEIGHTS_ZOOM = 11; // from which on heights are written

/** Return the height between lines for a zoom [m]. */
const interval = (zoom) =>
  zoom < 10 ? 500 : zoom < 12 ? 200 : zoom < 13.5 ? 100 : zoom < 15 ? 50 : 20;

export class Contours {
  constructor(map, lattice) {
    Object.assign(this, { map, lattice, shown: true, asked: 0 });
    this.place = { place: (row, col) => this.at(row, col) }; // of the picture's pixels
    this.layer = new GridLayer("contours", this.place, { opacity: OPACITY });
    map.on("moveend", () => this.refresh());
  }

  show(shown) {
    this.shown = shown;
    this.refresh();
  }

  async refresh() {
    const seen = this.lattice.touched(this.map.getBounds());
    const turn = ++this.asked;
    if (!hasInputs() || !this.shown || !seen || this.map.getZoom() < 9.5) {
      this.layer.take("contours");
      this.write([]);
      return;
    }
    const { row0, col0, row1, col1 } = seen;
    const step = Math.ceil(Math.max(row1 - row0, col1 - col0) / MOST_CELLS);
    const query = `row0=${row0}&col0=${col0}&rows=${row1 - row0}&cols=${col1 - col0}&step=${step}`;
    try {
      const got = await values("GET", `${planPath()}/land/ground.bin?${query}`);
      if (turn !== this.asked) return;
      const lines = contours(got, interval(this.map.getZoom()), this.lattice);
      this.draw(lines);
      this.write(lines.filter(({ properties }) => properties.main));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error; // a map without contours is a map
    }
  }

  /** Give the lines on which heights are written to the map. */
  write(lines) {
    const features = this.map.getZoom() < HEIGHTS_ZOOM ? [] : lines;
    if (!features.length && !this.written) return;
    this.written = features.length;
    this.map.getSource("contours").setData({ type: "FeatureCollection", features });
  }

  /** Draw lines as the picture that lies over the view. */
  draw(lines) {
    const { map } = this;
    const { width, height, clientWidth } = map.getCanvas();
    const { lng, lat } = map.unproject([0, 0]); // north is up
    const sheet = Object.assign(document.createElement("canvas"), { width, height });
    const pen = sheet.getContext("2d", { willReadFrequently: true }); // it is read at once
    const perPixel = width / clientWidth;
    const size = 512 * 2 ** map.getZoom() * perPixel; // of the world [pixels]
    const [west, north] = [mercatorX(lng), mercatorY(lat)];
    this.at = (row, col) => [west + col / size, north + row / size];
    pen.strokeStyle = COLOUR;
    pen.lineJoin = "round";
    for (const { properties, geometry } of lines) {
      pen.lineWidth = perPixel * (properties.main ? WIDTHS.main : WIDTHS.other);
      pen.beginPath();
      for (const line of geometry.coordinates)
        line.forEach(([lon, lat], k) => {
          const x = (mercatorX(lon) - west) * size;
          const y = (mercatorY(lat) - north) * size;
          if (k) pen.lineTo(x, y);
          else pen.moveTo(x, y);
        });
      pen.stroke();
    }
    this.layer.put("contours", {
      window: { row0: 0, col0: 0, rows: height, cols: width, step: 1 },
      picture: sheet,
      smooth: true,
    });
  }
}

/** Return contour lines of a window of heights as features, each with `level_m` and `main`. */
export function contours({ window: { row0, col0, rows, cols, step }, data }, every, lattice) {
  const lines = new Map(); // level → segments
  const at = (i, j) => data[i * cols + j];
  for (let i = 0; i + 1 < rows; i += 1)
    for (let j = 0; j + 1 < cols; j += 1) {
      const corners = [at(i, j), at(i, j + 1), at(i + 1, j + 1), at(i + 1, j)];
      const [low, high] = [Math.min(...corners), Math.max(...corners)];
      if (Number.isNaN(low + high)) continue;
      for (let level = Math.ceil(low / every) * every; level < high; level += every) {
        const cuts = [];
        for (let side = 0; side < 4; side += 1) {
          const [a, b] = [corners[side], corners[(side + 1) % 4]];
          if (a < level === b < level) continue;
          const share = (level - a) / (b - a);
          cuts.push(
            [
              [i, j + share],
              [i + share, j + 1],
              [i + 1, j + 1 - share],
              [i + 1 - share, j],
            ][side],
          );
        }
        if (!lines.has(level)) lines.set(level, []);
        for (let k = 0; k + 1 < cuts.length; k += 2) lines.get(level).push([cuts[k], cuts[k + 1]]);
      }
    }
  const place = ([i, j]) => lattice.lonLat(row0 + i * step + 0.5, col0 + j * step + 0.5);
  return [...lines].map(([level, segments]) => ({
    type: "Feature",
    properties: { level_m: level, main: level % (5 * every) === 0 },
    geometry: {
      type: "MultiLineString",
      coordinates: joined(segments).map((line) => line.map(place)),
    },
  }));
}

/** Join segments that meet into lines, so that they are drawn and labelled as such. */
function joined(segments) {
  const key = ([i, j]) => `${i.toFixed(5)},${j.toFixed(5)}`;
  const ends = new Map();
  const lines = new Set();
  const attach = (point, line) => ends.set(key(point), line);
  for (const [a, b] of segments) {
    const [before, after] = [ends.get(key(a)), ends.get(key(b))];
    ends.delete(key(a));
    ends.delete(key(b));
    if (before && after && before !== after) {
      if (key(before[0]) === key(a)) before.reverse();
      if (key(after.at(-1)) === key(b)) after.reverse();
      before.push(...after);
      lines.delete(after);
      attach(before[0], before);
      attach(before.at(-1), before);
    } else if (before && after)
      before.push(before[0]); // it closes
    else if (before ?? after) {
      const line = before ?? after;
      const [meets, next] = before ? [a, b] : [b, a];
      if (key(line[0]) === key(meets)) line.unshift(next);
      else line.push(next);
      attach(next, line);
    } else {
      const line = [a, b];
      lines.add(line);
      attach(a, line);
      attach(b, line);
    }
  }
  return [...lines];
}
