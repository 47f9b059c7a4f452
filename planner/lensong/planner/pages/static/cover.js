// The coverage layer that is shown: blocks of exact values in view, coloured here.
import { Refusal, values } from "./api.js";
import { painter } from "./colours.js";
import { emit, layerOf, on, state, variantPath } from "./plan.js";

const BLOCK = 512; // cells of a block along a side, at its step
const KEPT = 160; // blocks in memory

export class Cover {
  constructor(map, lattice, layer) {
    Object.assign(this, { map, lattice, layer, layerId: null, other: null, blocks: new Map() });
    this.only = null; // indices of cells whose footprint alone is shown
    map.on("moveend", () => this.refresh());
    on("settled", (event) => this.settled(event));
    on("chosen", () => this.restart());
    on("network", () => this.repaint());
  }

  show(layerId) {
    const slow = ["basis", "interval", "field"].includes(layerOf(layerId)?.quantity);
    if (slow) for (const key of [...this.layer.pieces.keys()]) this.layer.take(key); // not of it
    this.layerId = layerId;
    this.dragged(null);
    this.restart();
  }

  /** Show another variant on the right of a swipe; null ends it. */
  beside(variantId, split = 0.5) {
    this.other = variantId;
    this.layer.split = variantId ? split : null;
    this.restart();
  }

  restart() {
    this.blocks.clear();
    this.refresh();
  }

  sides() {
    const sides = [[this.other ? "a" : "", state.variantId]];
    if (this.other) sides.push(["b", this.other]);
    return sides;
  }

  /** Return how many cells apart values are fetched for the zoom. */
  step() {
    const { grid } = this.lattice;
    const metres = (40075016.7 * Math.cos((this.map.getCenter().lat * Math.PI) / 180)) / 512;
    const pixels = grid.cell_m / (metres / 2 ** this.map.getZoom());
    return 2 ** Math.max(0, Math.min(6, Math.round(Math.log2(0.8 / pixels))));
  }

  wanted() {
    const seen = this.lattice.touched(this.map.getBounds());
    if (!seen || !this.layerId) return [];
    const step = this.step();
    const side = BLOCK * step;
    const { rows: allRows, cols: allCols } = this.lattice.grid;
    const found = [];
    for (let row0 = Math.floor(seen.row0 / side) * side; row0 < seen.row1; row0 += side)
      for (let col0 = Math.floor(seen.col0 / side) * side; col0 < seen.col1; col0 += side) {
        const [rows, cols] = [Math.min(side, allRows - row0), Math.min(side, allCols - col0)];
        for (const [half, variantId] of this.sides())
          found.push({
            key: [half, variantId, this.layerId, step, row0, col0].join("|"),
            half,
            variantId,
            query: `row0=${row0}&col0=${col0}&rows=${rows}&cols=${cols}&step=${step}`,
            row0,
            col0,
            row1: row0 + rows,
            col1: col0 + cols,
          });
      }
    return found;
  }

  /** Fetch what is in view and not there, or not of this revision; draw it; drop the rest. */
  async refresh() {
    const layerId = this.layerId;
    const wanted = this.wanted();
    this.now = wanted;
    const jobs = wanted.map(async (block) => {
      const known = this.blocks.get(block.key);
      if (known && !known.stale) {
        if (!this.layer.pieces.has(block.key)) this.draw(block.key, known);
        return;
      }
      if (known) known.stale = false; // asked for from here on
      const path = `${variantPath(block.variantId)}/layers/${layerId}.bin?${block.query}`;
      const got = await values("GET", path);
      if (this.now !== wanted && !this.now.some((b) => b.key === block.key)) return;
      const kept = { ...block, ...got, layerId, stale: false };
      this.blocks.delete(block.key);
      this.blocks.set(block.key, kept);
      this.draw(block.key, kept);
    });
    const done = await Promise.allSettled(jobs);
    for (const { reason } of done) {
      if (reason && !(reason instanceof Refusal)) throw reason;
      if (reason) emit("cover-failed", reason);
    }
    if (this.now !== wanted) return;
    const keep = new Set(wanted.map((b) => b.key));
    for (const key of [...this.layer.pieces.keys()])
      if (key !== "drag" && !keep.has(key)) this.layer.take(key);
    for (const key of this.blocks.keys()) {
      if (this.blocks.size <= KEPT) break;
      if (!keep.has(key)) this.blocks.delete(key);
    }
    emit("covered");
  }

  /** Return what turns values into pixels. */
  painter(layerId, only = this.only) {
    return painter(layerOf(layerId), state.network.cells, only);
  }

  draw(key, block) {
    const paint = this.painter(block.layerId);
    this.layer.put(key, { window: block.window, pixels: paint(block), side: block.half });
  }

  /** Colour again: the cells of the network changed, or a footprint is wanted. */
  repaint() {
    const kind = layerOf(this.layerId)?.quantity;
    if (kind !== "server" && kind !== "second") return;
    for (const key of [...this.layer.pieces.keys()])
      if (this.blocks.has(key)) this.draw(key, this.blocks.get(key));
  }

  footprint(only) {
    this.only = only;
    this.repaint();
  }

  /** Lay the coarse layer of a drag over its window; null takes it away. */
  dragged(answer) {
    if (!answer) {
      this.layer.take("drag");
      this.layer.hole = null;
      return;
    }
    const { row0, col0, rows, cols, step } = answer.window;
    const { grid } = this.lattice;
    this.layer.hole = {
      row0,
      col0,
      row1: Math.min(grid.rows, row0 + rows * step),
      col1: Math.min(grid.cols, col0 + cols * step),
    };
    const paint = this.painter(this.layerId, null);
    this.layer.put("drag", {
      window: answer.window,
      pixels: paint(answer),
      side: this.other ? "a" : "",
    });
  }

  settled({ variant_id: id, settled, touched }) {
    const layer = layerOf(this.layerId);
    if (!layer || layer.settles_with !== settled) return;
    if (id !== state.variantId && id !== this.other) return;
    for (const block of this.blocks.values())
      if (block.variantId === id && meets(block, touched)) block.stale = true;
    this.refresh().then(() => id === state.variantId && this.dragged(null));
  }

  /** Return the value of the layer at a place as far as it is here; undefined where it is not. */
  valueAt(lngLat) {
    const { row, col } = this.lattice.rowCol(lngLat);
    for (const { key } of this.now ?? []) {
      const block = this.blocks.get(key);
      if (!block || block.half === "b") continue;
      const { row0, col0, rows, cols, step } = block.window;
      const [i, j] = [Math.floor((row - row0) / step), Math.floor((col - col0) / step)];
      if (i < 0 || j < 0 || i >= rows || j >= cols) continue;
      const value = block.data[i * cols + j];
      return Object.is(value, block.none) || value === block.none ? null : value;
    }
    return undefined;
  }
}

const meets = (block, touched) =>
  !touched ||
  (block.row0 < touched.row0 + touched.rows &&
    touched.row0 < block.row1 &&
    block.col0 < touched.col0 + touched.cols &&
    touched.col0 < block.col1);
