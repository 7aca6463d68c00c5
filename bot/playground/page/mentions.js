// People and channels in a text that is being written: suggested after "@" and "#", shown by their
// names, and spelt for the server as Discord spells them.

import { face, icon } from "./art.js";
import { el } from "./dom.js";
import { fuzzy } from "./fuzzy.js";

const MOST = 10;
const CODE = /(```[\s\S]*?```|`[^`\n]*`)/;
const BEGUN = /(?:^|[\s(])([@#])([^\s@#]{0,32})$/;
const TEXT_CHANNEL = 0;
const DIRECT = 1;

/**
 * Somebody or something that a text can name.
 *
 * @typedef {object} Mention
 * @property {string} shown how it stands in the text: "@Robin"
 * @property {string} token how it is sent; of @everyone and @here it is the same
 * @property {string} about what is said of it in the list
 * @property {() => Node} art what is drawn beside it
 */

/**
 * Lists what can be mentioned in a channel.
 *
 * @param {{me: object, personas: object[], bot: object, channels: object[], channel: object}} state
 * @returns {Mention[]}
 */
export function mentionable({ me, personas, bot, channels, channel }) {
  const direct = channel?.type === DIRECT;
  const people = direct ? [bot, me] : [bot, ...personas];
  const person = (one) => ({ shown: `@${one.global_name}`, token: `<@${one.id}>`, about: one.bot ? "the bot" : one.username, art: () => face(one, 24) });
  const everybody = (word, about) => ({ shown: `@${word}`, token: `@${word}`, about, art: () => icon("people", 24) });
  const place = (one) => ({ shown: `#${one.name}`, token: `<#${one.id}>`, about: one.type === TEXT_CHANNEL ? "channel" : "thread", art: () => icon("hash", 24) });
  const all = [everybody("everyone", "all who can see this channel"), everybody("here", "all of them who are online")];
  return [...people.map(person), ...(direct ? [] : all), ...channels.filter((one) => one.type !== DIRECT).map(place)];
}

/** Finds the mention that is being written before the caret. @returns {{from: number, sign: string, typed: string} | null} */
export function begun(text, caret) {
  const before = text.slice(0, caret);
  const found = BEGUN.exec(before);
  if (!found || before.split("`").length % 2 === 0) return null; // in code nothing is a mention
  return { from: caret - found[2].length - 1, sign: found[1], typed: found[2] };
}

/** Writes names as Discord's tokens, but for those in code. @param {string} text @param {Mention[]} known */
export function spelt(text, known) {
  const tokens = new Map();
  for (const one of known) if (!tokens.has(one.shown)) tokens.set(one.shown, one.token); // of two of one name the first counts
  const longest = [...tokens.keys()].sort((a, b) => b.length - a.length).map(escaped);
  const names = new RegExp(`(?<![\\p{L}\\p{N}_@#<])(?:${longest.join("|")})(?![\\p{L}\\p{N}_-])`, "gu");
  return outsideCode(text, (part) => part.replace(names, (name) => tokens.get(name)));
}

/** Writes Discord's tokens as names, for one who edits the text. @param {string} text @param {Mention[]} known */
export function named(text, known) {
  const names = new Map(known.map((one) => [one.token, one.shown]));
  return outsideCode(text, (part) => part.replace(/<(@!?|#)(\d+)>/g, (token, sign, id) => names.get(`<${sign[0]}${id}>`) ?? token));
}

const escaped = (name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const outsideCode = (text, change) => text.split(CODE).map((part, number) => (number % 2 ? part : change(part))).join("");

/** Suggests mentions in one field. */
export class Mentions {
  /**
   * @param {HTMLTextAreaElement} field
   * @param {import("./suggest.js").Suggestions} list
   * @param {() => Mention[]} known what can be mentioned now
   */
  constructor(field, list, known) {
    this.field = field;
    this.list = list;
    this.known = known;
    this._picked = new Map(); // which of two of the same name was meant
    const moved = () => list.open && begunIn(field) === null && !field.value.startsWith("/") && list.hide();
    for (const type of ["click", "keyup"]) field.addEventListener(type, moved);
  }

  /** Shows what fits the mention that is being written, if there is one. */
  suggest() {
    const found = begunIn(this.field);
    const fitting = found ? this._fitting(found) : [];
    const whole = fitting.length === 1 && fitting[0].one.shown === found.sign + found.typed;
    if (!fitting.length || whole) return this.list.hide();
    const label = found.sign === "@" ? "People" : "Channels";
    const items = fitting.map(({ one, marks }) => ({ content: entry(one, marks), pick: () => this._put(one, found.from) }));
    return this.list.show(this.field, items, { mark: true, label, heading: el("span", {}, label) });
  }

  _fitting({ sign, typed }) {
    const all = this.known().filter((one) => one.shown[0] === sign);
    const scored = all.map((one) => ({ one, ...(fuzzy(typed, one.shown.slice(1)) ?? {}) })).filter(({ score }) => score !== undefined);
    return (typed ? scored.sort((a, b) => b.score - a.score) : scored).slice(0, MOST);
  }

  /** Knows again whom a text that was sent has named. @param {string} text */
  recall(text) {
    for (const one of this.known()) if (text.includes(one.token)) this._picked.set(one.shown, one);
  }

  _put(one, from) {
    this._picked.set(one.shown, one);
    this.field.setRangeText(`${one.shown} `, from, this.field.selectionEnd, "end");
  }

  /** The field's text as it is sent. @param {string} text */
  spelt(text) {
    return spelt(text, [...this._picked.values(), ...this.known()]);
  }
}

const begunIn = (field) => (field.selectionStart === field.selectionEnd ? begun(field.value, field.selectionEnd) : null);

function entry({ shown, about, art }, marks) {
  const lit = new Set(marks.map((at) => at + 1));
  const letters = Array.from(shown, (letter, number) => (lit.has(number) ? el("mark", {}, letter) : letter));
  return [el("span", { class: "mentioned" }, art(), el("b", {}, letters), el("small", {}, about))];
}
