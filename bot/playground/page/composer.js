// Where one writes: text, files, answers to a message, and the palette of commands.

import { face, icon } from "./art.js";
import { CommandForm } from "./command.js";
import { el, find, sizeInWords } from "./dom.js";
import { fuzzy } from "./fuzzy.js";
import { Mentions } from "./mentions.js";
import { entriesOf, readCommand } from "./options.js";
import { preview } from "./pill.js";
import { Suggestions, combobox } from "./suggest.js";

const MOST_FILES = 10;
const MOST_COMMANDS = 60;

/** The composer below the messages. */
export class Composer {
  /** @param {object} page client, bot(), commands(), locale(), people(type), mentionable(), editLast() */
  constructor(page) {
    this.page = page;
    this.files = [];
    this.answering = null;
    this.pings = true;
    this.palette = new Suggestions("Commands");
    this._build();
    this._saidLast = false; // rather than used a command
    const sent = () => (this._saidLast = false);
    this.form = new CommandForm({ ...page, complain: (words) => this.complain(words), closed: () => this._closed(), sent });
    this._trouble.after(this.form.element);
    this._listen();
  }

  _build() {
    this._trouble = el("div", { class: "trouble", role: "alert", hidden: true });
    this._reply = el("div", { class: "replying", hidden: true });
    this._tray = el("ul", { class: "tray", "aria-label": "Files to be sent", hidden: true });
    this._chooser = el("input", { type: "file", multiple: true, class: "unseen", tabindex: -1, "aria-hidden": "true" });
    this.text = el("textarea", { id: "text", rows: 1, maxlength: 2000, "aria-label": "Message", placeholder: "Write a message, or / for commands" });
    combobox(this.text, this.palette);
    this.mentions = new Mentions(this.text, this.palette, this.page.mentionable);
    const press = (name, label, action) => el("button", { type: "button", class: "icon", "aria-label": label, title: label, onclick: action }, icon(name));
    this._say = el(
      "form",
      { class: "say", "aria-label": "Message" },
      press("plus", "Add files", () => this._chooser.click()),
      this._chooser,
      this.text,
      press("slash", "Commands", () => this.start("/")),
      el("button", { type: "submit", class: "icon", "aria-label": "Send", title: "Send" }, icon("send")),
    );
    this.typing = el("p", { class: "typing", role: "status" });
    find("composer").replaceChildren(this._trouble, this.palette.element, this._reply, this._tray, this._say, this.typing);
  }

  _listen() {
    this._say.addEventListener("submit", (event) => (event.preventDefault(), this.send()));
    this.text.addEventListener("input", () => this._typed());
    this.text.addEventListener("keydown", (event) => this._key(event));
    this.text.addEventListener("blur", () => this.palette.hide()); // a press on it takes no focus
    this._chooser.addEventListener("change", () => {
      this.add([...this._chooser.files]);
      this._chooser.value = "";
    });
    const main = document.querySelector("main");
    const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    for (const type of ["dragenter", "dragover"]) {
      main.addEventListener(type, (event) => carriesFiles(event) && (event.preventDefault(), main.classList.add("dropping")));
    }
    main.addEventListener("dragleave", (event) => main.contains(event.relatedTarget) || main.classList.remove("dropping"));
    main.addEventListener("drop", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      main.classList.remove("dropping");
      this.add([...event.dataTransfer.files]);
    });
    for (const type of ["dragover", "drop"]) {
      document.addEventListener(type, (event) => carriesFiles(event) && event.preventDefault()); // else the browser leaves for the file
    }
    document.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (!files.length || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      this.add(files);
    });
  }

  // -- saying ----------------------------------------------------------------------------

  /** Says what went wrong, until something is done again. @param {string} sentence */
  complain(sentence) {
    const close = el("button", { type: "button", class: "icon", "aria-label": "Close", onclick: () => this.quieten() }, icon("close", 16));
    this._trouble.replaceChildren(el("p", {}, sentence), close);
    this._trouble.hidden = false;
  }

  /** Takes the complaint away. */
  quieten() {
    this._trouble.hidden = true;
  }

  /** Adds files: to the command that is open, else to the message. @param {File[]} files */
  add(files) {
    if (this.form.entry) {
      if (!this.form.takeFiles(files)) this.complain("No option of this command takes another file.");
      return;
    }
    if (this.files.length + files.length > MOST_FILES) this.complain(`A message takes ${MOST_FILES} files.`);
    this.files = [...this.files, ...files].slice(0, MOST_FILES);
    this._showFiles();
    this.text.focus();
  }

  _showFiles() {
    const entry = (file) => {
      const remove = () => {
        this.files = this.files.filter((one) => one !== file);
        this._showFiles();
        this.text.focus();
      };
      const button = el("button", { type: "button", class: "icon", "aria-label": `Remove ${file.name}`, onclick: remove }, icon("close", 14));
      return el("li", {}, preview(file), el("span", {}, file.name, el("small", {}, sizeInWords(file.size))), button);
    };
    this._tray.replaceChildren(...this.files.map(entry));
    this._tray.hidden = !this.files.length;
  }

  /** Answers a message with the next one. @param {object | null} message */
  reply(message) {
    this.answering = message;
    this._reply.hidden = message === null;
    if (!message) return;
    const stop = el("button", { type: "button", class: "icon", "aria-label": "Do not reply", onclick: () => (this.reply(null), this.text.focus()) }, icon("close", 14));
    this._reply.replaceChildren(el("span", {}, "Replying to ", el("b", {}, message.author.global_name)), this._pinger(), stop);
    this.text.focus();
  }

  // Says whether the reply pings its author; a bot that reads no messages sees one only then.
  _pinger() {
    this.pings = true;
    const press = () => ((this.pings = !this.pings), button.setAttribute("aria-pressed", String(this.pings)));
    const button = el("button", { type: "button", class: "pinger", "aria-pressed": "true", title: "Whether the reply pings its author", onclick: press }, "@ Ping");
    return button;
  }

  /** Sends the message. */
  async send() {
    if (this.text.value.startsWith("/") && !this.files.length) return this._sendCommand();
    const [content, files, answered, pings] = [this.text.value, this.files, this.answering, this.pings];
    if (!content.trim() && !files.length) return undefined;
    this.quieten();
    this.text.value = "";
    this.files = [];
    this._showFiles();
    this.reply(null);
    try {
      const body = { content: this.mentions.spelt(content.trim()), reply_to: answered?.id, ping: pings };
      await this.page.client.post("say", body, files.map((file, number) => [`files[${number}]`, file]));
      this._saidLast = true;
    } catch (error) {
      if (!this.text.value) this.text.value = content;
      this.files = [...files, ...this.files];
      this._showFiles();
      if (answered) this.reply(answered);
      this.complain(error.message);
    }
    return undefined;
  }

  _sendCommand() {
    const read = readCommand(`${this.text.value} `, this._entries());
    if (read) this._open(read.entry, read.values);
    else this.complain("There is no such command here. Type / to see them all.");
  }

  // -- commands --------------------------------------------------------------------------

  _entries() {
    return entriesOf(this.page.commands(), this.page.locale());
  }

  /** Puts the beginning of something into the field. @param {string} text */
  start(text) {
    this.text.value = text;
    this.text.focus();
    this._typed();
  }

  _typed() {
    const text = this.text.value;
    if (!text.startsWith("/")) return this.mentions.suggest();
    const entries = this._entries();
    const read = readCommand(text, entries);
    if (read) return this._open(read.entry, read.values);
    return this._showPalette(text.slice(1), entries);
  }

  /** Looks again at what is typed, because there are other commands now. */
  refresh() {
    if (!this.form.entry && document.activeElement === this.text) this._typed();
  }

  _showPalette(typed, entries) {
    const found = entries.map((entry) => ({ entry, ...match(typed, entry) })).filter(({ score }) => score !== undefined);
    if (typed) found.sort((a, b) => b.score - a.score);
    const items = found.slice(0, MOST_COMMANDS).map(({ entry, marks }) => ({ content: described(entry, marks), pick: () => this._open(entry) }));
    const bot = this.page.bot();
    const heading = el("span", { class: "row" }, face(bot, 18), bot.global_name);
    this.palette.show(this.text, items, { mark: true, empty: "No command of this name.", heading });
  }

  _open(entry, values = {}) {
    this.palette.hide();
    this.quieten();
    this.text.value = "";
    this._say.hidden = true;
    const given = Object.fromEntries(Object.entries(values).map(([name, raw]) => [name, { raw }]));
    this.form.open(entry, given);
    if (this.files.length && this.form.takeFiles(this.files)) {
      this.files = [];
      this._showFiles();
    }
  }

  _closed() {
    this._say.hidden = false;
    this.quieten();
    this.text.focus();
  }

  /** Closes the command that is open, as when one goes elsewhere. */
  leave() {
    if (this.form.entry) this.form.close();
    this.reply(null);
    this.quieten();
  }

  // What one did last comes back: a command to be filled in again, or a message to be edited.
  _takeUp() {
    const again = () => {
      const opened = this.form.again(this._entries());
      if (opened) this._say.hidden = true;
      return opened;
    };
    const ways = this._saidLast ? [this.page.editLast, again] : [again, this.page.editLast];
    return ways.some((way) => way());
  }

  _key(event) {
    if (event.isComposing || this.palette.key(event)) return;
    if (event.key === "Tab" && this.palette.open) {
      event.preventDefault();
      this.palette.take();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.send();
    } else if (event.key === "ArrowUp" && !this.text.value && this._takeUp()) {
      event.preventDefault();
    } else if (event.key === "Escape") this.reply(null);
  }
}

// A command is found by its name in either language, else by what it does.
function match(typed, entry) {
  const name = fuzzy(typed, entry.shown);
  if (name) return name;
  const plain = fuzzy(typed, entry.words);
  if (plain) return { score: plain.score - 1, marks: [] };
  const about = typed.length > 2 && entry.description.toLowerCase().includes(typed.toLowerCase());
  return about ? { score: -50, marks: [] } : {};
}

function described(entry, marks) {
  const lit = new Set(marks);
  const letters = Array.from(entry.shown, (letter, number) => (lit.has(number) ? el("mark", {}, letter) : letter));
  const options = entry.options.map((option) => el("span", { class: option.required ? "chip small needed" : "chip small" }, option.name));
  return [el("b", {}, "/", letters), el("span", { class: "chips" }, options), el("small", {}, entry.description)];
}
