// Builds elements of the tree that the server reads a text into. Only the kinds below exist.

import { el, safeLink } from "./dom.js";

const PLAIN = { p: "p", b: "strong", i: "em", u: "u", s: "s", ul: "ul", li: "li", h1: "h3", h2: "h4", h3: "h5", small: "small", quote: "blockquote" };
const names = { users: {}, channels: {} };

/** Says what ids are called from now on. @param {object} users @param {object} channels names by id */
export function callThem(users, channels) {
  names.users = users;
  names.channels = channels;
}

/**
 * Shows one text of a message.
 *
 * @param {{marked: object}} message holds the trees of its texts
 * @param {string} text
 * @returns {Array<Node | string>}
 */
export function marked(message, text) {
  return build(message.marked?.[text] ?? [text ?? ""]);
}

/** Writes a tree as plain words, for one line. @param {Array} nodes */
export function inWords(nodes) {
  return nodes.map((node) => (typeof node === "string" ? node : wordsOf(node))).join("");
}

function wordsOf(node) {
  if (node.t === "spoiler") return "(spoiler)";
  if (node.t === "br") return " ";
  if (node.t === "user") return `@${names.users[node.id] ?? node.id}`;
  if (node.t === "time") return timeWords(node.at, node.style);
  const inside = node.text ?? (node.c ? inWords(node.c) : (node.name ?? ""));
  return ["p", "li", "h1", "h2", "h3", "quote", "pre", "small"].includes(node.t) ? `${inside} ` : inside;
}

function build(nodes) {
  return nodes.map((node) => (typeof node === "string" ? node : one(node)));
}

function one(node) {
  const inside = node.c ? build(node.c) : [];
  if (node.t in PLAIN) return el(PLAIN[node.t], { class: node.t.length === 2 && node.t[0] === "h" ? `mark-${node.t}` : null }, inside);
  switch (node.t) {
    case "ol":
      return el("ol", { start: node.start }, inside);
    case "br":
      return el("br");
    case "code":
      return el("code", {}, node.text);
    case "pre":
      return el("pre", { "data-lang": node.lang, tabindex: 0 }, el("code", {}, node.text));
    case "a":
      return link(node.href, inside);
    case "spoiler":
      return spoiler(inside);
    case "time":
      return time(node.at, node.style);
    case "user":
      return mention(`@${names.users[node.id] ?? node.id}`);
    case "channel":
      return mention(`#${names.channels[node.id] ?? node.id}`);
    case "role":
      return mention("@role");
    case "everybody":
      return mention(`@${node.name}`);
    case "command":
      return mention(`/${node.name}`);
    default:
      return `:${node.name}:`;
  }
}

const mention = (words) => el("span", { class: "mention" }, words);

function link(url, words) {
  const href = safeLink(url);
  return href ? el("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, words) : el("span", {}, words);
}

/** Hides something until it is pressed. @param {Array<Node | string>} inside */
export function spoiler(inside) {
  const hidden = el("span", { "aria-hidden": "true", inert: true }, inside);
  const made = el("span", { class: "spoiler", role: "button", tabindex: 0, "aria-label": "Spoiler, press to show" }, hidden);
  const show = (event) => {
    if (made.classList.contains("shown") || (event.type === "keydown" && !["Enter", " "].includes(event.key))) return;
    event.preventDefault();
    made.classList.add("shown");
    for (const name of ["role", "aria-label", "tabindex"]) made.removeAttribute(name);
    for (const name of ["aria-hidden", "inert"]) hidden.removeAttribute(name);
  };
  made.addEventListener("click", show);
  made.addEventListener("keydown", show);
  return made;
}

const STYLES = {
  t: { timeStyle: "short" },
  T: { timeStyle: "medium" },
  d: { dateStyle: "short" },
  D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" },
  F: { dateStyle: "full", timeStyle: "short" },
  s: { dateStyle: "short", timeStyle: "short" },
  S: { dateStyle: "short", timeStyle: "medium" },
};

function time(seconds, style) {
  const moment = new Date(seconds * 1000);
  if (Number.isNaN(moment.getTime())) return "Invalid date";
  const title = moment.toLocaleString([], STYLES.F);
  const relative = style === "R" ? seconds : null;
  return el("time", { class: "mention", datetime: moment.toISOString(), title, "data-relative": relative }, timeWords(seconds, style));
}

function timeWords(seconds, style) {
  return style === "R" ? fromNow(seconds) : new Date(seconds * 1000).toLocaleString([], STYLES[style]);
}

const NEAR = new Intl.RelativeTimeFormat([], { numeric: "auto" });
const UNITS = [["year", 31557600], ["month", 2629800], ["day", 86400], ["hour", 3600], ["minute", 60]];

function fromNow(seconds) {
  const away = seconds - Date.now() / 1000;
  for (const [unit, length] of UNITS) if (Math.abs(away) >= length) return NEAR.format(Math.round(away / length), unit);
  return NEAR.format(Math.round(away), "second");
}

/** Brings every relative time of the page up to date. */
export function tick() {
  for (const one of document.querySelectorAll("time[data-relative]")) {
    const words = fromNow(Number(one.dataset.relative));
    if (one.textContent !== words) one.textContent = words;
  }
}
