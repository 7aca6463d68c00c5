// A message of one's own that is being edited, where it stands.

import { el } from "./dom.js";
import { Mentions, named } from "./mentions.js";
import { Suggestions, combobox } from "./suggest.js";

/** Edits one message at a time. */
export class Editor {
  /**
   * @param {object} page what it needs of the page: client, mentionable(), reveal(id), redraw(id), said(words)
   */
  constructor(page) {
    this.page = page;
    this._message = null;
    this._back = () => {};
    this._build();
  }

  _build() {
    const list = new Suggestions("People");
    this._list = list;
    this.text = el("textarea", { rows: 1, maxlength: 2000, "aria-label": "Edit your message", "aria-describedby": "editing-hint", "data-key": "edit" });
    combobox(this.text, list);
    this._mentions = new Mentions(this.text, list, this.page.mentionable);
    this._trouble = el("p", { class: "error", role: "alert" });
    const press = (words, action) => el("button", { type: "button", class: "plain", "data-key": words, onclick: action }, words);
    const hint = el("p", { class: "note", id: "editing-hint" }, "Escape to ", press("cancel", () => this.close()), " · Enter to ", press("save", () => this.save()));
    this._element = el("div", { class: "editing", role: "group", "aria-label": "Editing" }, list.element, this.text, this._trouble, hint);
    this.text.addEventListener("input", () => this._mentions.suggest());
    this.text.addEventListener("blur", () => list.hide());
    this._element.addEventListener("keydown", (event) => this._key(event));
  }

  /** What stands in the place of a message's text; null if it is not being edited. @param {object} message */
  of(message) {
    return message.id === this._message?.id ? this._element : null;
  }

  /**
   * Begins to edit a message.
   *
   * @param {object} message one's own
   * @param {() => void} back gives the focus back when it is over
   */
  open(message, back) {
    this.leave();
    this._message = message;
    this._back = back;
    this._mentions.recall(message.content);
    this._begun = named(message.content, this.page.mentionable());
    this.text.value = this._begun;
    this._trouble.textContent = "";
    this.page.reveal(message.id);
    this.page.redraw(message.id);
    this.text.focus();
    this.text.setSelectionRange(this._begun.length, this._begun.length);
    this._element.scrollIntoView({ block: "nearest" });
  }

  /** Ends without a change, as when one goes elsewhere. */
  leave() {
    const id = this._message?.id;
    this._message = null;
    this._list.hide();
    if (id) this.page.redraw(id);
  }

  /** Ends without a change, and gives the focus back. */
  close() {
    if (!this._message) return;
    this.leave();
    this._back();
  }

  /** Ends if it is this message that has gone. @param {string} id */
  gone(id) {
    if (id === this._message?.id) this.close();
  }

  /** Sends the new text; stays open if it is refused. */
  async save() {
    const message = this._message;
    if (this.text.value === this._begun) return this.close();
    try {
      await this.page.client.post("edit", { message_id: message.id, content: this._mentions.spelt(this.text.value.trim()) });
      if (message !== this._message) return undefined; // left meanwhile
      this.page.said("Your message is edited.");
      return this.close();
    } catch (error) {
      this._trouble.textContent = error.message;
      return this.text.focus();
    }
  }

  _key(event) {
    if (event.isComposing) return;
    event.stopPropagation(); // the list of messages has keys of its own
    if (event.target === this.text && this._list.key(event)) return;
    if (event.key === "Tab" && this._list.take()) event.preventDefault();
    else if (event.key === "Escape") this.close();
    else if (event.key === "Enter" && !event.shiftKey && event.target === this.text) {
      event.preventDefault();
      this.save();
    }
  }
}
