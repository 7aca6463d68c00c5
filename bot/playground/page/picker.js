// What opens over the page: menus, and lists to pick from. The browser's popovers close them.

import { el, freshId, holdFocus } from "./dom.js";

function place(box, at) {
  const { left, bottom, top } = at;
  const space = innerHeight - bottom;
  const y = space >= box.offsetHeight + 8 || space >= top ? bottom + 4 : top - box.offsetHeight - 4;
  box.style.left = `${Math.max(6, Math.min(left, innerWidth - box.offsetWidth - 6))}px`;
  box.style.top = `${Math.max(6, Math.min(y, innerHeight - box.offsetHeight - 6))}px`;
}

function open(box, anchor, at, after = () => {}) {
  const back = anchor && holdFocus(anchor);
  document.body.append(box);
  box.popover = "auto";
  box.showPopover();
  place(box, at ?? anchor.getBoundingClientRect());
  box.addEventListener("toggle", ({ newState }) => {
    if (newState !== "closed") return;
    const inside = box.contains(document.activeElement) || document.activeElement === document.body;
    box.remove();
    if (inside) back?.();
    after();
  });
}

function steer(event, entries, columns = 1) {
  const at = entries.indexOf(document.activeElement);
  const across = columns > 1 ? { ArrowRight: at + 1, ArrowLeft: at - 1 } : {};
  const to = { ArrowDown: at + columns, ArrowUp: at - columns, ...across, Home: 0, End: entries.length - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    entries[(to + entries.length) % entries.length]?.focus();
  } else if (event.key === "Tab") {
    event.preventDefault();
    event.currentTarget.hidePopover();
  } else if (event.key.length === 1 && event.key !== " ") {
    const turned = [...entries.slice(at + 1), ...entries.slice(0, at + 1)];
    turned.find((entry) => entry.textContent.trim().toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
  }
}

/**
 * Opens a menu where a pointer is, or under the element that has the focus.
 *
 * @param {Event} event what opens it
 * @param {string} label what the menu is called
 * @param {Array<{label?: string, heading?: string, hint?: string, press?: () => void, checked?: boolean, art?: Node}>} entries
 * @param {number} columns more than one for a grid of short entries
 */
export function openMenu(event, label, entries, columns = 1) {
  event.preventDefault();
  event.stopPropagation();
  const anchor = event.currentTarget;
  const pointed = event.type === "contextmenu" && (event.clientX || event.clientY);
  const at = pointed ? { left: event.clientX, top: event.clientY, bottom: event.clientY } : null;
  const box = el("div", { role: "menu", class: columns > 1 ? "popup menu grid" : "popup menu", "aria-label": label });
  const back = anchor.tabIndex >= 0 || anchor.matches("li") ? anchor : (anchor.closest("[tabindex]") ?? null);
  box.append(...entries.map((entry) => menuEntry(entry, box)));
  const items = () => [...box.querySelectorAll("[role^=menuitem]")];
  box.addEventListener("keydown", (key) => steer(key, items(), columns));
  items()[0]?.setAttribute("tabindex", "0"); // a long menu that scrolls is within reach of the keyboard
  open(box, back, at ?? anchor.getBoundingClientRect());
  items()[0]?.focus();
}

function menuEntry(entry, box) {
  if (entry.heading) return el("div", { class: "heading", role: "presentation" }, entry.heading);
  if (!entry.press) return el("div", { class: "hint", role: "menuitem", "aria-disabled": "true", tabindex: -1 }, entry.label);
  const press = () => {
    box.hidePopover();
    entry.press();
  };
  const role = entry.checked === undefined ? "menuitem" : "menuitemradio";
  const checked = entry.checked === undefined ? null : String(entry.checked);
  return el("button", { type: "button", role, "aria-checked": checked, tabindex: -1, onclick: press }, entry.art ?? null, el("span", {}, entry.label, entry.hint ? el("small", {}, entry.hint) : null));
}

/**
 * Opens a list to pick one value or several from.
 *
 * @param {HTMLElement} anchor what it belongs to
 * @param {{label: string, options: Array<object>, least: number, most: number, done: (values: string[]) => void}} what
 */
export function openPicker(anchor, { label, options, least, most, done }) {
  const before = options.filter((option) => option.default).map((option) => option.value);
  const picked = new Set(before);
  const several = most > 1;
  const list = el("div", { role: "listbox", id: freshId("list"), "aria-label": label, "aria-multiselectable": several ? "true" : null });
  const box = el("div", { class: "popup picker" }, list);
  const finish = () => {
    box.hidePopover();
    done([...picked]);
  };
  const ready = several ? el("button", { type: "button", class: "button primary", onclick: finish }, "Done") : null;
  const press = (option) => {
    if (!several) {
      picked.clear();
      picked.add(option.value);
      return finish();
    }
    if (picked.has(option.value)) picked.delete(option.value);
    else if (picked.size < most) picked.add(option.value);
    refresh();
  };
  const refresh = () => {
    entries.forEach((entry, number) => entry.setAttribute("aria-selected", String(picked.has(options[number].value))));
    if (ready) ready.disabled = picked.size < least;
  };
  const entries = options.map((option) => pickerEntry(option, press));
  list.append(...entries);
  if (ready) box.append(ready);
  refresh();
  box.addEventListener("keydown", (event) => {
    if (!several || event.key !== "Tab") return steer(event, entries);
    return undefined;
  });
  open(box, anchor, null);
  box.style.minWidth = `${anchor.offsetWidth}px`;
  const first = entries.find((entry) => entry.getAttribute("aria-selected") === "true") ?? entries[0];
  first?.setAttribute("tabindex", "0");
  first?.focus();
}

function pickerEntry(option, press) {
  const made = el("div", { role: "option", tabindex: -1, onclick: () => press(option) }, option.emoji?.name ? `${option.emoji.name} ` : null, el("span", {}, option.label, option.description ? el("small", {}, option.description) : null));
  made.addEventListener("keydown", (event) => {
    if (!["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    press(option);
  });
  return made;
}
