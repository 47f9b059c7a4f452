// Symbols and labels drawn on canvas: without internet there is no server for glyphs and sprites.
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const COLOURS = {
  covered: "#00734f",
  patchy: "#a85400",
  no_signal: "#a3123a",
  beyond_radius: "#59636e",
  unknown: "#59636e",
  mast: "#17212b",
  "4G": "#0b5cad",
  "5G": "#7b2fb0",
  gap: "#a3123a",
};
// Roads are dark and thin, rivers lighter and wide: apart in grey print as well.
const LINES = {
  road: { colour: "#3a1d05", width: 1.5, dash: [] },
  river: { colour: "#4fa0e4", width: 3, dash: [] },
  other: { colour: "#4b5661", width: 1.1, dash: [3, 2] },
};
const SHARP = 2; // pixels drawn per CSS pixel

function canvas(width, height, draw) {
  const sheet = document.createElement("canvas");
  sheet.width = Math.ceil(width * SHARP);
  sheet.height = Math.ceil(height * SHARP);
  const pen = sheet.getContext("2d", { willReadFrequently: true });
  pen.scale(SHARP, SHARP);
  draw(pen, width, height);
  return sheet;
}

/** Full disc, half disc, hollow triangle, hollow square, hollow diamond: each class has its own shape as well as its colour. */
function classSymbol(name, size = 18) {
  return canvas(size, size, (pen) => {
    const middle = size / 2;
    const radius = size * 0.36;
    const outline = new Path2D();
    if (name === "no_signal") {
      outline.moveTo(middle, size * 0.1);
      outline.lineTo(size * 0.92, size * 0.84);
      outline.lineTo(size * 0.08, size * 0.84);
      outline.closePath();
    } else if (name === "beyond_radius")
      outline.rect(size * 0.16, size * 0.16, size * 0.68, size * 0.68);
    else if (name === "unknown") {
      outline.moveTo(middle, size * 0.08);
      outline.lineTo(size * 0.92, middle);
      outline.lineTo(middle, size * 0.92);
      outline.lineTo(size * 0.08, middle);
      outline.closePath();
    } else outline.arc(middle, middle, radius, 0, 2 * Math.PI);
    pen.lineJoin = "round";
    pen.strokeStyle = "#fff";
    pen.lineWidth = size * 0.26;
    pen.stroke(outline);
    pen.fillStyle = name === "covered" ? COLOURS.covered : "#fff";
    pen.fill(outline);
    pen.strokeStyle = COLOURS[name];
    pen.lineWidth = size * 0.12;
    pen.stroke(outline);
    if (name === "patchy") {
      pen.fillStyle = COLOURS.patchy;
      pen.beginPath();
      pen.arc(middle, middle, radius, -Math.PI / 2, Math.PI / 2);
      pen.fill();
    }
  });
}

/** A wedge that points north, to be turned by the azimuth; a ring for an omni antenna. */
function wedgeSymbol(technology, { omni = false, uncertain = false } = {}) {
  const size = 76;
  const radius = technology === "5G" ? 34 : 25;
  return canvas(size, size, (pen) =>
    drawWedge(pen, size / 2, size / 2, omni ? 0.62 * radius : radius, technology, {
      omni,
      uncertain,
    }),
  );
}

const wedgeKey = (technology) =>
  canvas(22, 18, (pen) => drawWedge(pen, 11, 17, 15, technology, {}));

function drawWedge(pen, x, y, radius, technology, { omni, uncertain }) {
  const half = (28 * Math.PI) / 180;
  pen.beginPath();
  if (omni) pen.arc(x, y, radius, 0, 2 * Math.PI);
  else {
    pen.moveTo(x, y);
    pen.arc(x, y, radius, -Math.PI / 2 - half, -Math.PI / 2 + half);
    pen.closePath();
  }
  pen.fillStyle = `${COLOURS[technology]}${uncertain ? "22" : "66"}`;
  pen.strokeStyle = COLOURS[technology];
  pen.lineWidth = 1.6;
  if (uncertain) pen.setLineDash([3, 3]);
  if (!omni) pen.fill();
  pen.stroke();
}

function mastSymbol(uncertain, size = 16) {
  return canvas(size, size, (pen) => {
    const edge = size * 0.24;
    pen.fillStyle = uncertain ? "#fff" : COLOURS.mast;
    pen.strokeStyle = "#fff";
    pen.lineWidth = size * 0.28;
    pen.strokeRect(edge, edge, size - 2 * edge, size - 2 * edge);
    pen.fillRect(edge, edge, size - 2 * edge, size - 2 * edge);
    pen.strokeStyle = COLOURS.mast;
    pen.lineWidth = size * 0.11;
    pen.strokeRect(edge, edge, size - 2 * edge, size - 2 * edge);
  });
}

/** Diagonal lines: a gap stays a gap in grey print. */
function hatchSymbol(size = 10) {
  return canvas(size, size, (pen) => {
    pen.strokeStyle = COLOURS.gap;
    pen.lineWidth = 1.3;
    for (const shift of [-size, 0, size]) {
      pen.beginPath();
      pen.moveTo(shift, size);
      pen.lineTo(shift + size, 0);
      pen.stroke();
    }
  });
}

/** Lines of text with a halo; each line is [text, css font, colour]. */
function labelSymbol(lines) {
  const probe = document.createElement("canvas").getContext("2d");
  const width =
    Math.max(...lines.map(([text, font]) => ((probe.font = font), probe.measureText(text).width))) +
    8;
  const step = 15;
  return canvas(width, step * lines.length + 4, (pen) => {
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    lines.forEach(([text, font, colour], line) => {
      const height = 2 + step * (line + 0.5);
      pen.font = font;
      pen.lineWidth = 4;
      pen.strokeStyle = "rgba(255,255,255,0.94)";
      pen.strokeText(text, width / 2, height);
      pen.fillStyle = colour;
      pen.fillText(text, width / 2, height);
    });
  });
}

const pixels = (sheet) => sheet.getContext("2d").getImageData(0, 0, sheet.width, sheet.height);

/** The same shape as inline SVG, for tables and popups. */
function classMark(name) {
  return document.querySelector(`.classes .mark.${name}`).cloneNode(true);
}
