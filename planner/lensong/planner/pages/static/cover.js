// The coverage layer that is shown: blocks of exact values in view, coloured here.
import { Refusal, values } from "./api.js";
import { painter } from "./colours.js";
import { emit, layerOf, on, state, variantPath } from "./plan.js";

const BLOCK = 512; // cells of a block along a side, at its step
const KEPT = 160; // blocks in memory
const ROOMY = 1.5; // parts of blocks are asked for at once where that is not much more than they are
const SLOW = ["basis", "interval", "field", "wide"]; // a block of them takes the server seconds

export class Cover {
  constructor(map, lattice, layer) {
    Object.assign(this, { map, lattice, layer, layerId: null, other: null, blocks: new Map() });
    this.only = null; // ids of cells whose footprint alone is shown
    map.on("moveend", () => this.refresh());
    on("settled", (event) => this.settled(event));
    on("chosen", () => this.restart());
    on("branched", () => this.adopt());
    on("network", () => this.repaint());
  }

  show(layerId) {
    if (SLOW.includes(layerOf(layerId)?.quantity))
      for (const key of [...this.layer.pieces.keys()]) this.layer.take(key); // not of it
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

  /** Take what is shown for the variant in hand: it was made as a copy of it. */
  adopt() {
    for (const [key, block] of [...this.blocks]) {
      if (block.half === "b" || block.variantId === state.variantId) continue;
      block.variantId = state.variantId;
      this.blocks.delete(key);
      block.key = keyOf(block);
      this.blocks.set(block.key, block);
      this.layer.rename(key, block.key);
    }
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
        for (const [half, variantId] of this.sides()) {
          const block = { half, variantId, layerId: this.layerId, step, row0, col0 };
          Object.assign(block, { row1: row0 + rows, col1: col0 + cols });
          found.push({ ...block, key: keyOf(block) });
        }
      }
    return found;
  }

  /** Fetch what is in view and not there, or not of this revision; draw it; drop the rest. */
  async refresh() {
    const wanted = this.wanted();
    this.now = wanted;
    state.laying =
      SLOW.includes(layerOf(this.layerId)?.quantity) &&
      wanted.some(({ key }) => !this.blocks.get(key)?.data);
    emit("covering");
    this.together(wanted);
    const done = await Promise.allSettled(wanted.map((block) => this.bring(block)));
    for (const { reason } of done) {
      if (reason && !(reason instanceof Refusal)) throw reason;
      if (reason) emit("cover-failed", reason);
    }
    if (this.now !== wanted) return;
    state.laying = false;
    const keep = new Set(wanted.map((b) => b.key));
    for (const key of [...this.layer.pieces.keys()])
      if (key !== "drag" && !keep.has(key)) this.layer.take(key);
    for (const key of this.blocks.keys()) {
      if (this.blocks.size <= KEPT) break;
      if (!keep.has(key)) this.blocks.delete(key);
    }
    emit("covered");
  }

  /** Bring a block up to date: one question at a time, and only for the part that may differ. */
  bring(wanted) {
    const block = this.blocks.get(wanted.key) ?? { ...wanted, stale: wanted };
    this.blocks.set(block.key, block);
    if (block.stale) block.coming ??= this.asked(block).finally(() => (block.coming = null));
    else if (block.data && !this.layer.pieces.has(block.key)) this.draw(block.key, block);
    return block.coming;
  }

  /** Ask once for the parts of several blocks that may differ. */
  together(wanted) {
    const late = wanted
      .map(({ key }) => this.blocks.get(key))
      .filter((block) => block?.data && block.stale && !block.coming);
    for (const id of new Set(late.map(({ variantId }) => variantId))) {
      const blocks = late.filter(({ variantId }) => variantId === id);
      if (blocks.length < 2) continue;
      const parts = blocks.map(({ stale }) => stale);
      const whole = parts.reduce(joined);
      if (cells(whole) > ROOMY * parts.reduce((sum, part) => sum + cells(part), 0)) continue;
      for (const block of blocks) block.stale = null;
      const coming = this.values(blocks[0], whole);
      for (const [k, block] of blocks.entries())
        block.coming = coming
          .then((got) => this.take(block, cut(got, parts[k])))
          .catch((error) => {
            block.stale = joined(block.stale, parts[k]);
            throw error;
          })
          .then(() => this.asked(block)) // what changed meanwhile
          .finally(() => (block.coming = null));
    }
  }

  values({ variantId, layerId, step }, { row0, col0, row1, col1 }) {
    const query = `row0=${row0}&col0=${col0}&rows=${row1 - row0}&cols=${col1 - col0}&step=${step}`;
    return values("GET", `${variantPath(variantId)}/layers/${layerId}.bin?${query}`);
  }

  async asked(block) {
    while (block.stale) {
      const part = block.stale;
      block.stale = null; // what changes from here on is asked for after this
      let got;
      try {
        got = await this.values(block, part);
      } catch (error) {
        block.stale = block.data ? joined(block.stale, part) : block;
        throw error;
      }
      if (this.blocks.get(block.key) !== block) return; // another layer or variant is shown
      this.take(block, got);
    }
  }

  /** Take values over into a block, all of it or a part, and draw it. */
  take(block, got) {
    if (this.blocks.get(block.key) !== block) return;
    if (!block.data) Object.assign(block, got);
    else laid(block, got);
    if (!this.now.some((one) => one.key === block.key)) return;
    if (!this.layer.pieces.has(block.key) || got.data === block.data) this.draw(block.key, block);
    else this.patch(block, got);
  }

  /** Return what turns values into pixels. */
  painter(layerId) {
    const { cells } = state.network;
    const rows =
      this.only && new Set([...cells.keys()].filter((k) => this.only.has(cells[k].cell_id)));
    return painter(layerOf(layerId), cells, rows);
  }

  draw(key, block) {
    const paint = this.painter(block.layerId);
    this.layer.put(key, { window: block.window, pixels: paint(block), side: block.half });
  }

  /** Draw a part of a block anew. */
  patch(block, part) {
    const paint = this.painter(block.layerId);
    this.layer.patch(block.key, part.window, paint(part));
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
    const paint = this.painter(this.layerId);
    this.layer.put("drag", {
      window: answer.window,
      pixels: paint(answer),
      side: this.other ? "a" : "",
    });
  }

  async settled({ variant_id: id, settled, touched }) {
    const layer = layerOf(this.layerId);
    if (!layer || layer.settles_with !== settled) return;
    if (id !== state.variantId && id !== this.other) return;
    for (const block of this.blocks.values())
      if (block.variantId === id) block.stale = joined(block.stale, partOf(block, touched));
    this.layer.hold(); // all that was planned is seen at once
    try {
      await this.refresh();
      if (id === state.variantId) this.dragged(null);
    } finally {
      this.layer.release();
    }
  }

  /** Return the value of the layer at a place as far as it is here; undefined where it is not. */
  valueAt(lngLat) {
    const { row, col } = this.lattice.rowCol(lngLat);
    for (const { key } of this.now ?? []) {
      const block = this.blocks.get(key);
      if (!block?.data || block.half === "b") continue;
      const { row0, col0, rows, cols, step } = block.window;
      const [i, j] = [Math.floor((row - row0) / step), Math.floor((col - col0) / step)];
      if (i < 0 || j < 0 || i >= rows || j >= cols) continue;
      const value = block.data[i * cols + j];
      return Object.is(value, block.none) || value === block.none ? null : value;
    }
    return undefined;
  }
}

const keyOf = ({ half, variantId, layerId, step, row0, col0 }) =>
  [half, variantId, layerId, step, row0, col0].join("|");

/** Return the part of a block that was touched, from one of its cells to another; null for none. */
function partOf(block, touched) {
  if (!touched || !block.data) return block;
  const begin = (first, at) =>
    first + Math.floor(Math.max(0, at - first) / block.step) * block.step;
  const row0 = begin(block.row0, touched.row0);
  const col0 = begin(block.col0, touched.col0);
  const row1 = Math.min(block.row1, touched.row0 + touched.rows);
  const col1 = Math.min(block.col1, touched.col0 + touched.cols);
  return row0 < row1 && col0 < col1 ? { row0, col0, row1, col1 } : null;
}

/** Return the part that holds two parts, either of which may be none. */
function joined(one, other) {
  if (!one || !other) return one ?? other;
  return {
    row0: Math.min(one.row0, other.row0),
    col0: Math.min(one.col0, other.col0),
    row1: Math.max(one.row1, other.row1),
    col1: Math.max(one.col1, other.col1),
  };
}

const cells = ({ row0, col0, row1, col1 }) => (row1 - row0) * (col1 - col0);

/** Return the part of an answer that lies within other bounds. */
function cut({ window: { row0, col0, cols, step }, data, ...rest }, part) {
  const [top, left] = [(part.row0 - row0) / step, (part.col0 - col0) / step];
  const [high, wide] = [part.row1 - part.row0, part.col1 - part.col0].map((n) =>
    Math.ceil(n / step),
  );
  const found = new data.constructor(high * wide);
  for (let i = 0; i < high; i += 1) {
    const begin = (top + i) * cols + left;
    found.set(data.subarray(begin, begin + wide), i * wide);
  }
  const window = { row0: part.row0, col0: part.col0, rows: high, cols: wide, step };
  return { ...rest, window, data: found };
}

/** Lay values of a part over those of a block. */
function laid(block, { window: { row0, col0, rows, cols, step }, data }) {
  const { window: whole } = block;
  const [top, left] = [(row0 - whole.row0) / step, (col0 - whole.col0) / step];
  for (let i = 0; i < rows; i += 1)
    block.data.set(data.subarray(i * cols, (i + 1) * cols), (top + i) * whole.cols + left);
}
