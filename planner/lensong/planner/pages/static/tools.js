// Which tool is in hand: what a click on the map means.
import { $, say, tell } from "./dom.js";
import { map } from "./map.js";
import { emit } from "./plan.js";

export const tool = { name: "select" };
const tools = { select: {} };

/** Tell what a tool does: `start`, `stop`, `click(place)`, `double`, and the words for it. */
export const addTool = (name, actions) => (tools[name] = actions);

export function take(name) {
  if (tool.name === name) name = "select";
  tools[tool.name].stop?.();
  tool.name = name;
  emit("tool", name);
  for (const button of document.querySelectorAll("[data-tool]"))
    button.setAttribute("aria-pressed", String(button.dataset.tool === name));
  map.getCanvas().style.cursor = name === "select" ? "" : "crosshair";
  tell(name === "select" ? "" : say(`tool.${name}.how`));
  tools[name].start?.();
}

export function startTools() {
  for (const button of document.querySelectorAll("[data-tool]"))
    button.addEventListener("click", () => take(button.dataset.tool));
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    if (tool.name === "select")
      emit("clear"); // what tools have drawn
    else take("select");
  });
  map.on("click", (event) => tools[tool.name].click?.(event));
  map.on("dblclick", (event) => {
    if (!tools[tool.name].double) return;
    event.preventDefault();
    tools[tool.name].double(event);
  });
  map.on("mousemove", (event) => tools[tool.name].move?.(event));
  $("map").addEventListener("keydown", (event) => {
    // the middle of the map is the pointer of those who have none
    if (event.key === "Enter" && tools[tool.name].click) {
      event.preventDefault();
      const lngLat = map.getCenter();
      tools[tool.name].click({ lngLat, point: map.project(lngLat), originalEvent: event });
    }
  });
}
