// One option of a command: its name, its field, and what it suggests.

import { icon } from "./art.js";
import { el, freshId, sizeInWords } from "./dom.js";
import { fuzzy } from "./fuzzy.js";
import { ATTACHMENT, BOOLEAN, CHANNEL, INTEGER, MENTIONABLE, NUMBER, ROLE, USER, check } from "./options.js";
import { combobox } from "./suggest.js";

const ASK_AFTER_MS = 150;
const REFERENCES = [USER, CHANNEL, ROLE, MENTIONABLE];

/**
 * Makes the pill of an option.
 *
 * @param {object} option as the bot published it
 * @param {import("./command.js").CommandForm} form whose it is
 */
export function pill(option, form) {
  return option.type === ATTACHMENT ? new FilePill(option, form) : new TextPill(option, form);
}

class Pill {
  constructor(option, form) {
    this.option = option;
    this.form = form;
    this.name = form.say(option, "name");
    this.description = form.say(option, "description");
    this.error = null;
    this.id = freshId("option");
  }

  _build(...inside) {
    const star = this.option.required ? el("span", { class: "required", title: "required", "aria-hidden": "true" }, "*") : null;
    const remove = this.option.required
      ? null
      : el("button", { type: "button", class: "icon", "aria-label": `Remove ${this.name}`, onclick: () => this.form.drop(this) }, icon("close", 14));
    this.element = el("div", { class: "pill" }, el("label", { for: this.id }, this.name, star), inside, remove);
    this.element.addEventListener("focusin", () => this.form.explain(this));
  }

  /** Marks the pill as wrong, or as right again with null. */
  mark(error) {
    this.error = error;
    if (error) this.field.setAttribute("aria-invalid", "true");
    else this.field.removeAttribute("aria-invalid");
  }
}

class TextPill extends Pill {
  constructor(option, form) {
    super(option, form);
    const mode = { [INTEGER]: "numeric", [NUMBER]: "decimal" }[option.type];
    this.field = el("input", { id: this.id, type: "text", size: 8, inputmode: mode, "aria-required": String(Boolean(option.required)), spellcheck: "false" });
    this.picked = null;
    this._asked = 0;
    this._build(this.field);
    if (this._suggests()) combobox(this.field, form.suggestions);
    else this.field.setAttribute("autocomplete", "off");
    this.field.addEventListener("input", () => this._typed());
    this.field.addEventListener("focus", () => this._suggest());
    this.field.addEventListener("blur", () => this._left());
    this.field.addEventListener("keydown", (event) => this._key(event));
  }

  isEmpty() {
    return this.field.value === "";
  }

  clear() {
    this.give({ raw: "" });
  }

  give({ raw, picked = null }) {
    this.field.value = raw;
    this.picked = picked;
    this.mark(null);
  }

  given() {
    return { raw: this.field.value, picked: this.picked };
  }

  /** Returns {value}, {error}, or neither when empty. */
  read() {
    const typed = this.field.value;
    if (this.picked && this.picked.name === typed) return { value: this.picked.value };
    const own = this._own();
    if (own) {
      if (typed === "") return check(this.option, "");
      const found = own.find((one) => one.name.toLowerCase() === typed.trim().toLowerCase());
      return found ? { value: found.value } : { error: "Choose one of the suggestions." };
    }
    return check(this.option, typed);
  }

  _suggests() {
    return this.option.autocomplete || this._own() !== null;
  }

  // What the page itself knows to suggest; null where it knows nothing.
  _own() {
    if (this.option.choices?.length) return this.option.choices.map((one) => ({ name: this.form.say(one, "name"), value: one.value }));
    if (this.option.type === BOOLEAN) return [{ name: "True", value: true }, { name: "False", value: false }];
    return REFERENCES.includes(this.option.type) ? this.form.page.people(this.option.type) : null;
  }

  _typed() {
    this.picked = null;
    this._asked++; // what is still to come answers other letters
    if (this.error) this.mark(this.read().error ?? null);
    this.form.explain(this);
    this._suggest();
  }

  _suggest() {
    const own = this._own();
    clearTimeout(this._timer);
    if (own) {
      const typed = this.picked ? "" : this.field.value;
      const scored = own.map((one) => ({ one, found: fuzzy(typed, one.name) })).filter(({ found }) => found);
      const whole = scored.length === 1 && scored[0].one.name.toLowerCase() === typed.trim().toLowerCase();
      if (whole) return this.form.suggestions.hide(); // Enter sends what needs no choice
      if (typed) scored.sort((a, b) => b.found.score - a.found.score);
      this._show(scored.map(({ one }) => one), Boolean(typed), "Nothing of this name.");
    } else if (this.option.autocomplete) this._timer = setTimeout(() => this._ask(), ASK_AFTER_MS);
    else this.form.suggestions.hide();
  }

  async _ask() {
    const mine = ++this._asked;
    try {
      const { choices } = await this.form.page.client.post("autocomplete", this.form.typed(this));
      if (mine === this._asked && document.activeElement === this.field) this._show(choices, false, "No options match this.");
    } catch (error) {
      if (mine === this._asked && document.activeElement === this.field) this._show([], false, error.message);
    }
  }

  _show(choices, mark, empty) {
    const items = choices.map((choice) => {
      const named = { name: this.form.say(choice, "name"), value: choice.value };
      return { content: [named.name], pick: () => this._pick(named) };
    });
    this.form.suggestions.show(this.field, items, { mark, empty });
  }

  _pick(choice) {
    this._asked++;
    this.give({ raw: choice.name, picked: choice });
    this.form.goOn(this);
  }

  _left() {
    clearTimeout(this._timer);
    this.form.suggestions.hide();
    if (!this.isEmpty()) this.mark(this.read().error ?? null);
  }

  _key(event) {
    if (event.key === "Tab" && this._own() && this.field.value) this.form.suggestions.take();
    if (this.form.suggestions.key(event)) return;
    if (event.key === "Backspace" && this.isEmpty() && !this.option.required) {
      event.preventDefault();
      this.form.drop(this);
    }
  }
}

class FilePill extends Pill {
  constructor(option, form) {
    super(option, form);
    this.file = null;
    this._chooser = el("input", { type: "file", class: "unseen", tabindex: -1, "aria-hidden": "true", onchange: () => this._chosen() });
    this.field = el("button", { type: "button", id: this.id, class: "drop", onclick: () => this._chooser.click() }, "Drop, paste or choose a file");
    this._build(this.field, this._chooser);
  }

  isEmpty() {
    return this.file === null;
  }

  clear() {
    this.file = null;
    this._chooser.value = "";
    this.field.replaceChildren("Drop, paste or choose a file");
  }

  give({ file }) {
    if (!file) return;
    this.file = file;
    this.mark(null);
    this.field.replaceChildren(preview(file), el("span", {}, file.name, el("small", {}, ` ${sizeInWords(file.size)}`)));
  }

  given() {
    return { raw: this.file.name, file: this.file };
  }

  read() {
    if (this.file) return { value: this.file };
    return this.option.required ? { error: "This file is required." } : {};
  }

  _chosen() {
    if (this._chooser.files.length) this.give({ file: this._chooser.files[0] });
    this.form.goOn(this);
  }
}

/** Shows a file that has been chosen: small, if it is a picture. @param {File} file */
export function preview(file) {
  if (!file.type.startsWith("image/")) return icon("file", 18);
  const url = URL.createObjectURL(file);
  return el("img", { src: url, alt: "", class: "preview", onload: () => URL.revokeObjectURL(url) });
}
