// The tabs of the panel beside the map.
import { $ } from "./dom.js";
import { keepView } from "./view.js";

const tabs = () => [...document.querySelectorAll('[role="tab"]:not([hidden])')];

export function openTab(name, { focus = false } = {}) {
  // a control of a panel that goes would take the keyboard's place with it
  const leaves = document.activeElement?.closest('[role="tabpanel"]');
  const moves = focus || (leaves && leaves.id !== `panel-${name}`);
  for (const tab of tabs()) {
    const open = tab.dataset.tab === name;
    tab.setAttribute("aria-selected", String(open));
    tab.tabIndex = open ? 0 : -1;
    $(`panel-${tab.dataset.tab}`).hidden = !open;
    if (open) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (open && moves) tab.focus();
  }
  keepView({ t: name });
  document.dispatchEvent(new CustomEvent("tab", { detail: name }));
}

/** Whether there is such a tab to be opened. */
export const isTab = (name) => tabs().some((tab) => tab.dataset.tab === name);

export const openTabName = () =>
  tabs().find((tab) => tab.getAttribute("aria-selected") === "true")?.dataset.tab;

export function startTabs() {
  for (const tab of document.querySelectorAll('[role="tab"]')) {
    tab.addEventListener("click", () => openTab(tab.dataset.tab));
    tab.addEventListener("keydown", (event) => {
      const all = tabs();
      const at = all.indexOf(tab);
      const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      openTab(all.at(next % all.length).dataset.tab, { focus: true });
    });
  }
}
