// The tabs of the panel beside the map.
import { $ } from "./dom.js";

const tabs = () => [...document.querySelectorAll('[role="tab"]:not([hidden])')];

export function openTab(name, { focus = false } = {}) {
  for (const tab of tabs()) {
    const open = tab.dataset.tab === name;
    tab.setAttribute("aria-selected", String(open));
    tab.tabIndex = open ? 0 : -1;
    $(`panel-${tab.dataset.tab}`).hidden = !open;
    if (open) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (open && focus) tab.focus();
  }
}

export const openTabName = () =>
  tabs().find((tab) => tab.getAttribute("aria-selected") === "true")?.dataset.tab;

export function startTabs() {
  for (const tab of document.querySelectorAll('[role="tab"]')) {
    tab.addEventListener("click", () => openTab(tab.dataset.tab));
    tab.addEventListener("keydown", ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (!step) return;
      const all = tabs();
      const next = all[(all.indexOf(tab) + step + all.length) % all.length];
      openTab(next.dataset.tab, { focus: true });
    });
  }
}
