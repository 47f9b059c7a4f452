// From values to colours: by the legend's classes, or a hue per mast for serving cells.

const GOLDEN_ANGLE_DEG = 137.508; // neighbours in the list of masts get hues far apart
const LIGHTNESS = [0.42, 0.56, 0.7, 0.35, 0.63, 0.77];
const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** Return a colour as a word of a picture: alpha, blue, green, red. */
function word(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return isLittleEndian
    ? ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0
    : ((r << 24) | (g << 16) | (b << 8) | 255) >>> 0;
}

function hsl(hue, saturation, lightness) {
  const chroma = saturation * Math.min(lightness, 1 - lightness);
  const channel = (offset) => {
    const k = (offset + hue / 30) % 12;
    const value = lightness - chroma * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(255 * value)
      .toString(16)
      .padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}

/** Return the colour of each cell in the order of the network: a hue per mast. */
export function cellColours(cells) {
  const masts = new Map();
  const sectors = new Map();
  return cells.map(({ mast_id: mast }) => {
    if (!masts.has(mast)) masts.set(mast, masts.size * GOLDEN_ANGLE_DEG);
    const sector = sectors.get(mast) ?? 0;
    sectors.set(mast, sector + 1);
    return hsl(masts.get(mast), 0.62, LIGHTNESS[sector % 6]);
  });
}

/** Return what turns values of a layer into pixels, given the cells of the network. */
export function painter(layer, cells, only = null) {
  if (layer.quantity === "server" || layer.quantity === "second") {
    const words = cellColours(cells).map(word);
    return ({ data }) =>
      pixels(data, (value) => (value < 0 || (only && !only.has(value)) ? 0 : (words[value] ?? 0)));
  }
  const classes = layer.legend.map((c) => ({ ...c, word: word(c.colour) }));
  if (classes.some((c) => c.value !== undefined)) {
    const words = new Map(classes.map((c) => [c.value, c.word]));
    return ({ data }) => pixels(data, (value) => words.get(value) ?? 0);
  }
  const lows = Float64Array.from(classes, (c) => c.low);
  const words = Uint32Array.from(classes, (c) => c.word);
  return ({ data }) =>
    pixels(data, (value) => {
      let at = -1; // what is not a number is in no class
      while (at + 1 < lows.length && value >= lows[at + 1]) at += 1;
      return at < 0 ? 0 : words[at];
    });
}

function pixels(data, colourOf) {
  const words = new Uint32Array(data.length);
  for (let i = 0; i < data.length; i += 1) words[i] = colourOf(data[i]);
  return new Uint8Array(words.buffer);
}

/** Return the class of a legend that a value is in, null for none. */
export function classOf(layer, value) {
  let found = null;
  for (const entry of layer.legend) {
    if (entry.value !== undefined ? entry.value === value : value >= entry.low) found = entry;
  }
  return found;
}
