// The list of suggestions over a field: walked with the arrow keys while one goes on typing.

import { announce, el, freshId } from "./dom.js";

const COUNTED_MS = 700; // after the last letter: whoever listens hears those first

/** One list, which serves whatever field has the focus. */
export class Suggestions {
  /** @param {string} label what the list is called */
  constructor(label) {
    this.id = freshId("suggestions");
    this._label = label;
    this.element = el("ul", { id: this.id, class: "popup suggestions", role: "listbox", "aria-label": label, hidden: true });
    this._items = [];
    this._at = -1;
    this._field = null;
  }

  /** Whether there is something to choose from. */
  get open() {
    return !this.element.hidden && this._items.length > 0;
  }

  /**
   * Shows suggestions for a field.
   *
   * @param {HTMLElement} field keeps the focus
   * @param {Array<{content: Array, pick: () => void}>} items
   * @param {{mark?: boolean, empty?: string, heading?: Node, label?: string}} how mark the first one; what to say if there are none
   */
  show(field, items, { mark = false, empty = "", heading = null, label = this._label } = {}) {
    this.element.setAttribute("aria-label", label);
    this._field = field;
    this._items = items;
    const entries = items.map((item, number) => this._entry(item, number));
    const nothing = empty && !items.length ? el("li", { class: "hint", role: "option", "aria-disabled": "true" }, empty) : null;
    const title = heading ? el("li", { class: "heading", role: "presentation" }, heading) : null;
    this.element.replaceChildren(...[title, ...entries, nothing].filter(Boolean));
    this.element.hidden = !this.element.children.length;
    this._entries = entries;
    field.setAttribute("aria-expanded", String(!this.element.hidden));
    this._mark(mark && items.length ? 0 : -1);
    this._count(items.length, empty);
  }

  // Says how many there are once one has stopped typing; what is marked is said by the browser.
  _count(number, empty) {
    clearTimeout(this._counting);
    const words = number ? `${number} ${number === 1 ? "suggestion" : "suggestions"}` : empty;
    if (words) this._counting = setTimeout(() => this.element.hidden || announce(words), COUNTED_MS);
  }

  _entry(item, number) {
    const press = (event) => {
      event.preventDefault(); // the field keeps the focus
      this.hide();
      item.pick();
    };
    return el("li", { role: "option", id: `${this.id}-${number}`, "aria-selected": "false", onmousedown: press }, item.content);
  }

  _mark(number) {
    this._entries[this._at]?.setAttribute("aria-selected", "false");
    this._at = number;
    const marked = this._entries[number];
    marked?.setAttribute("aria-selected", "true");
    marked?.scrollIntoView({ block: "nearest" });
    if (marked) this._field.setAttribute("aria-activedescendant", marked.id);
    else this._field.removeAttribute("aria-activedescendant");
  }

  /** Closes the list. */
  hide() {
    clearTimeout(this._counting);
    this.element.hidden = true;
    this._items = [];
    this._field?.setAttribute("aria-expanded", "false");
    this._field?.removeAttribute("aria-activedescendant");
  }

  /** Takes what is marked. @returns {boolean} whether anything was */
  take() {
    const item = this.open ? this._items[this._at] : null;
    if (!item) return false;
    this.hide();
    item.pick();
    return true;
  }

  /** Lets a key walk the list, take from it or close it. @param {KeyboardEvent} event @returns {boolean} whether it did */
  key(event) {
    if (!this.open || event.isComposing) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      const count = this._items.length;
      this._mark(this._at < 0 && step < 0 ? count - 1 : (this._at + step + count) % count);
    } else if (event.key === "Enter" && !event.shiftKey) {
      if (!this.take()) return false;
    } else if (event.key === "Escape") this.hide();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }
}

/** Makes a field announce its list. @param {HTMLElement} field @param {Suggestions} list */
export function combobox(field, list) {
  const attributes = { role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false", autocomplete: "off" };
  for (const [name, value] of Object.entries(attributes)) field.setAttribute(name, value);
}
