// Shows Discord's markdown as elements. Unknown marks stay as they were typed.

import { el, safeLink } from "./dom.js";

const INLINE = [
  [/`([^`\n]+)`/, (m) => el("code", {}, m[1])],
  [/\*\*(.+?)\*\*/s, (m, inner) => el("strong", {}, inner(m[1]))],
  [/__(.+?)__/s, (m, inner) => el("u", {}, inner(m[1]))],
  [/~~(.+?)~~/s, (m, inner) => el("s", {}, inner(m[1]))],
  [/\|\|(.+?)\|\|/s, (m, inner) => spoiler(inner(m[1]))],
  [/(?<![\w*])\*(?!\s)([^*\n]+?)\*(?!\w)/, (m, inner) => el("em", {}, inner(m[1]))],
  [/(?<!\w)_(?!\s)([^_\n]+?)_(?!\w)/, (m, inner) => el("em", {}, inner(m[1]))],
  [/\[([^\]\n]+)\]\(<?(https?:\/\/[^\s)>]+)>?\)/, (m) => link(m[2], m[1])],
  [/<(https?:\/\/[^\s>]+)>/, (m) => link(m[1], m[1])],
  [/https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)]/, (m) => link(m[0], m[0])],
  [/<t:(-?\d+)(?::([tTdDfFR]))?>/, (m) => time(Number(m[1]), m[2] || "f")],
  [/<@!?(\d+)>/, (m, _, names) => el("span", { class: "mention" }, `@${names[m[1]] ?? m[1]}`)],
  [/<\/([\w -]+):\d+>/, (m) => el("span", { class: "mention" }, `/${m[1]}`)],
  [/\\([\\*_~`|>#-])/, (m) => m[1]],
];

export function markdown(text, names = {}) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(/```(?:([\w+-]+)\n)?\n?(.*?)```/gs)) {
    parts.push(...lines(text.slice(at, found.index), names));
    parts.push(el("pre", {}, el("code", {}, found[2])));
    at = found.index + found[0].length;
  }
  parts.push(...lines(text.slice(at), names));
  return parts;
}

function lines(text, names) {
  if (!text.trim()) return [];
  return text.replace(/^\n|\n$/g, "").split("\n").map((line) => block(line, names));
}

function block(line, names) {
  const inner = (rest) => inline(rest, names);
  const heading = line.match(/^(#{1,3}) (.+)/);
  if (heading) return el("div", { class: `h${heading[1].length}` }, inner(heading[2]));
  if (line.startsWith("-# ")) return el("div", { class: "quiet" }, inner(line.slice(3)));
  if (line.startsWith("> ")) return el("blockquote", {}, inner(line.slice(2)));
  const item = line.match(/^( *)[-*] (.+)/);
  if (item) return el("div", { class: "item" }, inner(item[2]));
  return el("div", { class: "line" }, inner(line));
}

function inline(text, names) {
  let first = null;
  for (const [pattern, make] of INLINE) {
    const found = text.match(pattern);
    if (found && (first === null || found.index < first.found.index)) first = { found, make };
  }
  if (first === null) return text ? [text] : [];
  const { found, make } = first;
  const made = make(found, (inner) => inline(inner, names), names);
  const rest = text.slice(found.index + found[0].length);
  return [text.slice(0, found.index), made, ...inline(rest, names)];
}

function link(url, words) {
  const href = safeLink(url);
  if (href === null) return words;
  return el("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, words);
}

function spoiler(children) {
  const show = (event) => event.currentTarget.classList.add("shown");
  return el("span", { class: "spoiler", onclick: show, title: "Spoiler: press to show" }, children);
}

const STYLES = {
  t: { timeStyle: "short" },
  T: { timeStyle: "medium" },
  d: { dateStyle: "short" },
  D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" },
  F: { dateStyle: "full", timeStyle: "short" },
};

function time(seconds, style) {
  const moment = new Date(seconds * 1000);
  const full = moment.toLocaleString([], STYLES.F);
  const datetime = Number.isNaN(moment.getTime()) ? null : moment.toISOString();
  if (style !== "R") return el("time", { datetime }, moment.toLocaleString([], STYLES[style]));
  return el("time", { datetime, title: full, "data-relative": seconds }, relative(seconds));
}

export function relative(seconds) {
  const away = seconds - Date.now() / 1000;
  const words = new Intl.RelativeTimeFormat([], { numeric: "auto" });
  for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(away) >= length) return words.format(Math.round(away / length), unit);
  }
  return words.format(Math.round(away), "second");
}
