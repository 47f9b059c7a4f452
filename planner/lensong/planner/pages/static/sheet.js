// Canvases below the map's own, for what changes while the map stands: the map with its lines and
// signs is not drawn again for it. Where a processor draws, that takes most of the time of a frame.

const KEPT = { alpha: true, antialias: false, depth: false, stencil: false };

/** A canvas that draws layers (as `GridLayer`) where the map shows them. */
export class Sheet {
  constructor(map, layers) {
    Object.assign(this, { map, layers, view: null, waits: false });
    this.canvas = document.createElement("canvas");
    this.canvas.className = "sheet";
    this.canvas.setAttribute("aria-hidden", "true");
    map.getCanvas().before(this.canvas);
    this.gl = this.canvas.getContext("webgl2", KEPT);
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => this.start());
    this.start();
  }

  start() {
    for (const layer of this.layers) layer.onAdd(this, this.gl);
    this.triggerRepaint();
  }

  /** Draw at the next frame; layers ask for it. */
  triggerRepaint() {
    if (this.waits) return;
    this.waits = true;
    requestAnimationFrame(() => this.waits && this.draw());
  }

  /** Draw now if the map shows another part of the world than before. */
  follow({ defaultProjectionData: { mainMatrix } }) {
    const { width, height } = this.map.getCanvas();
    const view = { width, height, matrix: [...mainMatrix] };
    if (JSON.stringify(view) === JSON.stringify(this.view)) return;
    this.view = view;
    this.draw();
  }

  draw() {
    this.waits = false;
    if (!this.view || this.gl.isContextLost()) return;
    const { gl, canvas } = this;
    const { width, height, matrix } = this.view;
    if (canvas.width !== width || canvas.height !== height) {
      Object.assign(canvas, { width, height });
      const { style } = this.map.getCanvas();
      Object.assign(canvas.style, { width: style.width, height: style.height });
    }
    gl.viewport(0, 0, width, height);
    gl.clear(gl.COLOR_BUFFER_BIT);
    for (const layer of this.layers)
      layer.render(gl, { defaultProjectionData: { mainMatrix: matrix } });
  }
}

/** Return the layer of a map that lets sheets below it follow. */
export const followed = (sheets) => ({
  id: "view",
  type: "custom",
  renderingMode: "2d",
  render: (_, args) => sheets.forEach((sheet) => sheet.follow(args)),
});
