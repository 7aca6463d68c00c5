// Tells those who listen to the page of what others say: each answer once, when it stands still.

import { announce } from "./dom.js";
import { inWords } from "./marked.js";

const SETTLED_MS = 1500;
const MOST = 600; // characters of one answer; who wants more reads the message itself

const MARK = /^\s?[^\p{L}\p{N}]$/u; // a cursor at the end, perhaps with a space before it

const waiting = new Map(); // timers by the ids of messages
const told = new Map(); // what has been told of a message

/**
 * Tells of a message that is new or has changed.
 *
 * @param {object} message as it is now
 * @param {object | undefined} before as it was, if it was on the page already
 */
export function tell(message, before) {
  const words = worded(message);
  if (before && !before.thinking && !waiting.has(message.id) && worded(before) === words) return; // a reaction, say
  clearTimeout(waiting.get(message.id));
  if (message.thinking) return;
  waiting.set(message.id, setTimeout(() => speak(message, words), SETTLED_MS));
}

/** Forgets a message that has gone. @param {string} id */
export function hush(id) {
  clearTimeout(waiting.get(id));
  waiting.delete(id);
  told.delete(id);
}

function speak(message, words) {
  waiting.delete(message.id);
  const before = told.get(message.id);
  told.set(message.id, words);
  if (before === words) return;
  const grown = words.slice(alreadyTold(before ?? "", words));
  const short = grown.length > MOST ? `${grown.slice(0, MOST)}… and more` : grown;
  announce(`${message.author.global_name}: ${short.trim()}`);
}

// How much of a text has been told: all that it begins with, but for the mark of one that is being written.
function alreadyTold(before, words) {
  const differs = before.split("").findIndex((letter, at) => letter !== words[at]);
  if (differs < 0) return before.length;
  return MARK.test(before.slice(differs)) ? differs : 0;
}

/** Writes as plain words what a message says and shows, without its small print. @param {object} message */
export function worded(message) {
  const large = (text) => (message.marked?.[text] ?? [text]).filter((node) => node.t !== "small");
  const read = (text) => inWords(large(text)).replace(/\s+/g, " ").trim();
  const texts = [message.content, ...message.embeds.flatMap((one) => [one.title, one.description]), ...shown(message.components)];
  const pictures = message.attachments.map((file) => file.description ?? file.filename);
  const words = new Set([...texts.filter(Boolean).map(read), ...pictures].filter(Boolean)); // a picture may be in two places
  return [...words].join(" ") || "an answer without text";
}

// The texts of components, and the alternative texts of their pictures.
function* shown(components) {
  for (const one of components ?? []) {
    if (one.type === 10) yield one.content;
    if (one.type === 12) yield* one.items.map((item) => item.description);
    yield* shown(one.components);
  }
}
