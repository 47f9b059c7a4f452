// Where the grid lies on the map: between the points of a lattice, to a fraction of a cell.
// The page needs no projection for it.

const RADIANS = Math.PI / 180;
export const mercatorX = (lon) => (lon + 180) / 360;
export const mercatorY = (lat) =>
  0.5 - Math.log(Math.tan(Math.PI / 4 + (lat * RADIANS) / 2)) / (2 * Math.PI);
const latitudeOf = (y) => (2 * Math.atan(Math.exp(Math.PI * (1 - 2 * y))) - Math.PI / 2) / RADIANS;

export class Lattice {
  constructor(grid) {
    const { rows, cols, lon_deg: lon, lat_deg: lat } = grid.lattice;
    Object.assign(this, { rows, cols, grid });
    this.x = lon.map((line) => line.map(mercatorX));
    this.y = lat.map((line) => line.map(mercatorY));
  }

  /** Return the Mercator place of a row and column (of a line between cells, not of a middle). */
  place(row, col) {
    const i = interval(this.rows, row);
    const j = interval(this.cols, col);
    const u = (row - this.rows[i]) / (this.rows[i + 1] - this.rows[i]);
    const v = (col - this.cols[j]) / (this.cols[j + 1] - this.cols[j]);
    const mix = (f) =>
      (1 - u) * ((1 - v) * f[i][j] + v * f[i][j + 1]) +
      u * ((1 - v) * f[i + 1][j] + v * f[i + 1][j + 1]);
    return [mix(this.x), mix(this.y)];
  }

  lonLat(row, col) {
    const [x, y] = this.place(row, col);
    return [360 * x - 180, latitudeOf(y)];
  }

  /** Return the row and column of a place, with fractions; it may lie off the grid. */
  rowCol({ lng, lat }) {
    const [wx, wy] = [mercatorX(lng), mercatorY(lat)];
    let [row, col] = [this.grid.rows / 2, this.grid.cols / 2];
    for (let turn = 0; turn < 6; turn += 1) {
      const [x, y] = this.place(row, col);
      const [xr, yr] = this.place(row + 1, col);
      const [xc, yc] = this.place(row, col + 1);
      const [a, b, c, d] = [xr - x, xc - x, yr - y, yc - y];
      const scale = a * d - b * c;
      const [dx, dy] = [wx - x, wy - y];
      const [down, right] = [(dx * d - b * dy) / scale, (a * dy - c * dx) / scale];
      row += down;
      col += right;
      if (Math.abs(down) + Math.abs(right) < 1e-4) break;
    }
    return { row, col };
  }

  /** Return the rows and columns that bounds of the map touch, null where none. */
  touched(bounds) {
    const corners = [
      bounds.getNorthWest(),
      bounds.getNorthEast(),
      bounds.getSouthWest(),
      bounds.getSouthEast(),
    ].map((corner) => this.rowCol(corner));
    const of = (name) => corners.map((corner) => corner[name]);
    const row0 = Math.max(0, Math.floor(Math.min(...of("row"))));
    const col0 = Math.max(0, Math.floor(Math.min(...of("col"))));
    const row1 = Math.min(this.grid.rows, Math.ceil(Math.max(...of("row"))));
    const col1 = Math.min(this.grid.cols, Math.ceil(Math.max(...of("col"))));
    return row1 > row0 && col1 > col0 ? { row0, col0, row1, col1 } : null;
  }
}

/** Return in which interval of rising numbers a value lies, the first or last beyond them. */
function interval(lines, value) {
  let [low, high] = [0, lines.length - 2];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lines[middle] <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
