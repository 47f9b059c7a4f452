// Contour lines of the ground in view, drawn from its heights by marching squares.
import { Refusal, values } from "./api.js";
import { hasInputs, planPath } from "./plan.js";

const MOST_CELLS = 360; // samples along a side of the view
const EMPTY = { type: "FeatureCollection", features: [] };

/** Return the height between lines for a zoom [m]. */
const interval = (zoom) =>
  zoom < 10 ? 500 : zoom < 12 ? 200 : zoom < 13.5 ? 100 : zoom < 15 ? 50 : 20;

export class Contours {
  constructor(map, lattice) {
    Object.assign(this, { map, lattice, shown: true, asked: 0 });
    map.on("moveend", () => this.refresh());
  }

  show(shown) {
    this.shown = shown;
    this.refresh();
  }

  async refresh() {
    const source = this.map.getSource("contours");
    const seen = this.lattice.touched(this.map.getBounds());
    const turn = ++this.asked;
    if (!hasInputs() || !this.shown || !seen || this.map.getZoom() < 9.5) {
      source.setData(EMPTY);
      return;
    }
    const { row0, col0, row1, col1 } = seen;
    const step = Math.ceil(Math.max(row1 - row0, col1 - col0) / MOST_CELLS);
    const query = `row0=${row0}&col0=${col0}&rows=${row1 - row0}&cols=${col1 - col0}&step=${step}`;
    try {
      const got = await values("GET", `${planPath()}/land/ground.bin?${query}`);
      if (turn !== this.asked) return;
      source.setData(contours(got, interval(this.map.getZoom()), this.lattice));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error; // a map without contours is a map
    }
  }
}

/** Return contour lines of a window of heights as GeoJSON, each with `level_m` and `main`. */
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
  return {
    type: "FeatureCollection",
    features: [...lines].map(([level, segments]) => ({
      type: "Feature",
      properties: { level_m: level, main: level % (5 * every) === 0 },
      geometry: {
        type: "MultiLineString",
        coordinates: joined(segments).map((line) => line.map(place)),
      },
    })),
  };
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
