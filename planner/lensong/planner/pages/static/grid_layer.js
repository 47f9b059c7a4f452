// Pieces of the grid on the map, each cell a crisp quadrilateral where it lies.

const VERTEX = `#version 300 es
in vec2 a_place; in vec2 a_cell;
uniform mat4 u_matrix;
out vec2 v_cell;
void main() { v_cell = a_cell; gl_Position = u_matrix * vec4(a_place, 0.0, 1.0); }`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec2 v_cell;
uniform sampler2D u_colours;
uniform vec4 u_window;  // first row and column, rows and columns
uniform vec4 u_hole;    // what lies in here is drawn by another piece
uniform float u_opacity;
uniform bool u_relief;
uniform bool u_picture; // its colours are multiplied by their alpha already
uniform float u_hatch;  // pixels of the screen per pixel of the page; 0: no hatching
out vec4 colour;
void main() {
  if (all(greaterThanEqual(v_cell, u_hole.xy)) && all(lessThan(v_cell, u_hole.zw))) discard;
  vec2 at = (v_cell - u_window.xy) / u_window.zw;
  vec4 found = texture(u_colours, at.yx);
  if (u_relief && found.r < 0.02) discard; // 0 stands for no elevation
  if (u_hatch > 0.0) { // red is how far apart the lines are
    float gap = found.r * 255.0 * u_hatch;
    if (found.a < 0.5 || mod(gl_FragCoord.x + gl_FragCoord.y, gap) > 1.5 * u_hatch) discard;
    colour = vec4(0.09, 0.13, 0.17, 1.0) * u_opacity;
    return;
  }
  colour = (u_picture ? found : vec4(found.rgb, 1.0) * found.a) * u_opacity;
}`;

const PARTS = 8; // quadrilaterals along a side of a piece: straight lines of the grid bend on the map

/** A layer of the map, or of a sheet below it, that draws pieces: `{window, pixels, smooth, side}`, or `image` (a relief) or
 * `picture` (a canvas) in place of pixels. */
export class GridLayer {
  constructor(id, lattice, { opacity = 1, hatched = false } = {}) {
    this.id = id;
    this.type = "custom";
    this.renderingMode = "2d";
    this.lattice = lattice;
    this.opacity = opacity;
    this.hatched = hatched;
    this.pieces = new Map();
    this.hole = null; // {row0, col0, row1, col1} that the piece "drag" stands for
    this.held = 0; // how many hold it as it is drawn
    this.split = null; // share of the window's width at which side "a" ends and "b" begins
  }

  onAdd(map, gl) {
    this.map = map;
    const program = gl.createProgram();
    for (const [kind, source] of [
      [gl.VERTEX_SHADER, VERTEX],
      [gl.FRAGMENT_SHADER, FRAGMENT],
    ]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS))
      throw new Error(gl.getProgramInfoLog(program));
    this.gl = gl;
    this.program = program;
    this.at = Object.fromEntries(
      [
        "u_matrix", "u_colours", "u_window", "u_hole", "u_opacity", "u_relief", "u_picture",
        "u_hatch",
      ].map((name) => [name, gl.getUniformLocation(program, name)]), // prettier-ignore
    );
    for (const piece of this.pieces.values()) this.upload(piece);
  }

  repaint() {
    if (this.held) this.isLate = true;
    else this.map?.triggerRepaint();
  }

  /** Draw nothing anew until `release`: what changes meanwhile is seen at once. */
  hold() {
    this.held += 1;
  }

  release() {
    this.held -= 1;
    if (this.held || !this.isLate) return;
    this.isLate = false;
    this.repaint();
  }

  onRemove() {
    for (const key of [...this.pieces.keys()]) this.take(key);
  }

  /** Draw a piece from now on; one of the same key goes. */
  put(key, piece) {
    this.take(key);
    this.pieces.set(key, piece);
    if (this.gl) this.upload(piece);
    this.repaint();
  }

  /** Draw a piece no more. */
  take(key) {
    const piece = this.pieces.get(key);
    if (!piece) return;
    this.pieces.delete(key);
    if (piece.texture) {
      this.gl.deleteTexture(piece.texture);
      this.gl.deleteBuffer(piece.buffer);
    }
    this.repaint();
  }

  /** Draw other pixels in a part of a piece, from one of its cells to another. */
  patch(key, { row0, col0, rows, cols, step }, pixels) {
    const { gl } = this;
    const { window: whole, pixels: kept, texture } = this.pieces.get(key);
    const [top, left] = [(row0 - whole.row0) / step, (col0 - whole.col0) / step];
    for (let i = 0; i < rows; i += 1)
      kept.set(
        pixels.subarray(4 * i * cols, 4 * (i + 1) * cols),
        4 * ((top + i) * whole.cols + left),
      );
    if (!gl) return;
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    gl.texSubImage2D(
      gl.TEXTURE_2D, 0, left, top, cols, rows, gl.RGBA, gl.UNSIGNED_BYTE, pixels,
    ); // prettier-ignore
    this.repaint();
  }

  /** Call a piece by another key. */
  rename(key, other) {
    const piece = this.pieces.get(key);
    if (!piece) return;
    this.pieces.delete(key);
    this.pieces.set(other, piece);
  }

  upload(piece) {
    const { gl } = this;
    const { row0, col0, rows, cols, step } = piece.window;
    const [height, width] = [rows * step, cols * step];
    const lattice = this.lattice;
    const node = (i, j) => [row0 + (height * i) / PARTS, col0 + (width * j) / PARTS];
    piece.origin = lattice.place(row0, col0); // near the numbers, so that 24 bits are enough
    const corners = [];
    for (let i = 0; i < PARTS; i += 1)
      for (let j = 0; j < PARTS; j += 1)
        for (const [di, dj] of [
          [0, 0],
          [1, 0],
          [0, 1],
          [0, 1],
          [1, 0],
          [1, 1],
        ]) {
          const [row, col] = node(i + di, j + dj);
          const [x, y] = lattice.place(row, col);
          corners.push(x - piece.origin[0], y - piece.origin[1], row, col);
        }
    piece.count = corners.length / 4;
    piece.buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, piece.buffer);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(corners), gl.STATIC_DRAW);
    piece.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, piece.texture);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, Boolean(piece.picture));
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    const image = piece.image ?? piece.picture;
    if (image) gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, image);
    else
      gl.texImage2D(
        gl.TEXTURE_2D,
        0,
        gl.RGBA,
        cols,
        rows,
        0,
        gl.RGBA,
        gl.UNSIGNED_BYTE,
        piece.pixels,
      );
    const filter = piece.smooth ? gl.LINEAR : gl.NEAREST;
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, filter);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, filter);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  }

  render(gl, { defaultProjectionData: { mainMatrix: matrix } }) {
    gl.useProgram(this.program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.STENCIL_TEST);
    gl.uniform1f(this.at.u_opacity, this.opacity);
    gl.uniform1f(this.at.u_hatch, this.hatched ? devicePixelRatio : 0);
    gl.uniform1i(this.at.u_colours, 0);
    gl.activeTexture(gl.TEXTURE0);
    const [place, cell] = ["a_place", "a_cell"].map((a) => gl.getAttribLocation(this.program, a));
    for (const [key, piece] of this.pieces) {
      const { row0, col0, rows, cols, step } = piece.window;
      const hole = key === "drag" || piece.side === "b" ? null : this.hole;
      this.clip(gl, piece.side);
      gl.uniform1i(this.at.u_relief, piece.image ? 1 : 0);
      gl.uniform1i(this.at.u_picture, piece.picture ? 1 : 0);
      gl.bindBuffer(gl.ARRAY_BUFFER, piece.buffer);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, 2, gl.FLOAT, false, 16, 0);
      gl.enableVertexAttribArray(cell);
      gl.vertexAttribPointer(cell, 2, gl.FLOAT, false, 16, 8);
      gl.bindTexture(gl.TEXTURE_2D, piece.texture);
      gl.uniformMatrix4fv(this.at.u_matrix, false, moved(matrix, piece.origin));
      gl.uniform4f(this.at.u_window, row0, col0, rows * step, cols * step);
      if (hole) gl.uniform4f(this.at.u_hole, hole.row0, hole.col0, hole.row1, hole.col1);
      else gl.uniform4f(this.at.u_hole, 0, 0, -1, -1);
      gl.drawArrays(gl.TRIANGLES, 0, piece.count);
    }
    gl.disable(gl.SCISSOR_TEST);
  }

  /** Let a side of the swipe draw on its side only. */
  clip(gl, side) {
    if (this.split === null || !side) {
      gl.disable(gl.SCISSOR_TEST);
      return;
    }
    const [width, height] = [gl.drawingBufferWidth, gl.drawingBufferHeight];
    const at = Math.round(width * this.split);
    gl.enable(gl.SCISSOR_TEST);
    if (side === "a") gl.scissor(0, 0, at, height);
    else gl.scissor(at, 0, width - at, height);
  }
}

/** Return a matrix after a shift, worked out in doubles. */
function moved(m, [x, y]) {
  const out = new Float32Array(16);
  for (let i = 0; i < 16; i += 1) out[i] = m[i];
  for (let i = 0; i < 4; i += 1) out[12 + i] = m[i] * x + m[4 + i] * y + m[12 + i];
  return out;
}
