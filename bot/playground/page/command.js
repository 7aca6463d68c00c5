// A command that is being filled in: a pill for each option, suggestions above them.

import { el } from "./dom.js";
import { pill } from "./pill.js";
import { kindInWords, localised } from "./options.js";
import { Suggestions } from "./suggest.js";

/** The form of one command at a time. */
export class CommandForm {
  /**
   * @param {object} page what the form needs of the page: client, locale(), people(type), complain(sentence), closed(), sent()
   */
  constructor(page) {
    this.page = page;
    this.suggestions = new Suggestions("Suggestions");
    this.element = el("form", { class: "command", hidden: true, novalidate: true, "aria-label": "Command" });
    this.element.addEventListener("submit", (event) => (event.preventDefault(), this.send()));
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && !event.defaultPrevented && this.close());
    this.entry = null;
    this.pills = [];
    this._last = null; // for whom to do it again
  }

  /**
   * Opens the form of a command.
   *
   * @param {object} entry from entriesOf
   * @param {Record<string, {raw: string, picked?: object, file?: File}>} given by the names of options
   */
  open(entry, given = {}) {
    this.entry = entry;
    this.pills = entry.options.map((option) => pill(option, this));
    const cancel = el("button", { type: "button", class: "button secondary", onclick: () => this.close() }, "Cancel");
    const run = el("button", { type: "submit", class: "button primary" }, "Run");
    const row = el("div", { class: "pills" }, el("b", { class: "command-name" }, `/${entry.shown}`), this.pills.map((one) => one.element));
    this._more = el("div", { class: "optional" });
    this._help = el("p", { class: "help", role: "status" });
    this.element.replaceChildren(this.suggestions.element, this._help, row, el("div", { class: "row" }, this._more, el("div", { class: "row end" }, cancel, run)));
    for (const one of this.pills) {
      const value = given[one.option.name];
      if (value) one.give(value);
      one.element.hidden = !(one.option.required || value);
    }
    this.element.hidden = false;
    this.refresh();
    this.explain(null);
    const next = this.pills.find((one) => !one.element.hidden && one.isEmpty()) ?? this.pills.findLast((one) => !one.element.hidden);
    (next?.field ?? run).focus();
  }

  /** Offers the options that are not there yet. */
  refresh() {
    const add = (one) => {
      one.element.hidden = false;
      this.refresh();
      one.field.focus();
    };
    const hidden = this.pills.filter((one) => one.element.hidden);
    this._more.replaceChildren(
      ...hidden.map((one) => el("button", { type: "button", class: "chip", title: one.description, onclick: () => add(one) }, `+ ${one.name}`)),
    );
  }

  /** Says below the pills what one of them takes, or what is wrong with it. @param {object | null} one */
  explain(one) {
    const parts = one ? [el("b", {}, one.name), ` ${one.description} `, el("small", {}, kindInWords(one.option))] : [this.entry.description];
    if (one?.error) parts.push(el("span", { class: "error" }, one.error));
    this._help.replaceChildren(...parts);
  }

  /** Takes an option away again. @param {object} one */
  drop(one) {
    one.clear();
    one.element.hidden = true;
    this.refresh();
    const left = this.pills.filter((other) => !other.element.hidden);
    (left.at(-1)?.field ?? this.element.querySelector("[type=submit]")).focus();
  }

  /** Goes on to the next pill that is empty, as after a choice. @param {object} one */
  goOn(one) {
    const after = this.pills.slice(this.pills.indexOf(one) + 1);
    (after.find((other) => !other.element.hidden && other.isEmpty())?.field ?? one.field).focus();
  }

  /** Gives files to the options that take some. @param {File[]} files @returns {boolean} whether one did */
  takeFiles(files) {
    const free = this.pills.filter((one) => one.option.type === 11 && one.isEmpty());
    free.slice(0, files.length).forEach((one, number) => {
      one.element.hidden = false;
      one.give({ raw: files[number].name, file: files[number] });
    });
    this.refresh();
    return free.length > 0 && files.length > 0;
  }

  /** What is filled in so far, for the bot's suggestions. @param {object} focused the pill being typed in */
  typed(focused) {
    const options = {};
    for (const one of this.pills) {
      const { value } = one.read();
      if (value !== undefined && !(value instanceof File)) options[one.option.name] = value;
    }
    return { command: this.entry.words, options: { ...options, [focused.option.name]: focused.field.value }, focused: focused.option.name };
  }

  /** Checks everything and sends the command; stays open if something is wrong. */
  async send() {
    const entry = this.entry;
    const read = this.pills.map((one) => ({ one, ...one.read() }));
    for (const { one, error } of read) one.mark(error ?? null);
    const wrong = read.find(({ error }) => error);
    if (wrong) {
      wrong.one.element.hidden = false;
      this.refresh();
      wrong.one.field.focus();
      this.explain(wrong.one);
      return;
    }
    const given = read.filter(({ value }) => value !== undefined);
    const files = given.filter(({ value }) => value instanceof File).map(({ one, value }) => [one.option.name, value]);
    const options = Object.fromEntries(given.filter(({ value }) => !(value instanceof File)).map(({ one, value }) => [one.option.name, value]));
    this._last = { words: entry.words, given: Object.fromEntries(given.map(({ one }) => [one.option.name, one.given()])) };
    try {
      await this.page.client.start("invoke", { command: entry.words, options }, files);
      this.page.sent();
      if (this.entry === entry) this.close(); // else another was opened meanwhile
    } catch (error) {
      this.page.complain(error.message);
    }
  }

  /** Opens the last command again as it was. @param {Array<object>} entries @returns {boolean} whether there was one */
  again(entries) {
    const entry = this._last && entries.find((one) => one.words === this._last.words);
    if (entry) this.open(entry, this._last.given);
    return Boolean(entry);
  }

  /** Closes the form without sending. */
  close() {
    this.suggestions.hide();
    this.element.hidden = true;
    this.element.replaceChildren();
    this.entry = null;
    this.pills = [];
    this.page.closed();
  }

  /** The name of something in the persona's language. */
  say(thing, key) {
    return localised(thing, key, this.page.locale());
  }
}
