// Shows one message: who, when, what it answers, its text, embeds, files, components, reactions.

import { face, icon } from "./art.js";
import { showComponents } from "./components.js";
import { el, safeLink } from "./dom.js";
import { inWords, marked } from "./marked.js";
import { gallery, picture, showFiles } from "./pictures.js";

const TOGETHER_MS = 7 * 60 * 1000;
const ANSWERS_A_COMMAND = [20, 23];

/**
 * What a person may do with messages, as the page gives it.
 *
 * @typedef {object} Acts
 * @property {(message: object, customId: string, values?: string[]) => void} use
 * @property {(message: object) => void} remove
 * @property {(message: object) => void} reply
 * @property {(message: object) => void} edit
 * @property {(message: object) => HTMLElement | null} editorOf what stands in the place of a text that is being edited
 * @property {(message: object, emoji: string) => void} react
 * @property {(event: Event, message: object) => void} pickEmoji
 * @property {(event: Event, message: object) => void} messageMenu
 * @property {(event: Event, user: object) => void} userMenu
 * @property {(type: number) => Array<{label: string, value: string}>} selectable
 * @property {() => object} me the persona
 */

/**
 * Shows a message as an entry of the list.
 *
 * @param {object} message as the playground's API gives it
 * @param {object | null} before the message above it
 * @param {Acts} act
 * @returns {HTMLLIElement}
 */
export function showMessage(message, before, act) {
  const grouped = continues(message, before);
  const classes = ["message", grouped && "grouped", message.ephemeral && "ephemeral", isPinged(message, act) && "pinged"];
  const label = `${message.author.global_name}, ${clock(message.timestamp)}`;
  const menu = (event) => act.messageMenu(event, message);
  return el(
    "li",
    { "data-id": message.id, tabindex: -1, "aria-label": label, oncontextmenu: menu },
    isNewDay(message, before) ? el("div", { class: "day" }, el("span", {}, day(message.timestamp))) : null,
    el("article", { class: classes.filter(Boolean).join(" ") }, origin(message), margin(message, grouped, act), body(message, grouped, act), tools(message, act)),
  );
}

function continues(message, before) {
  if (!before || before.author.id !== message.author.id || before.ephemeral !== message.ephemeral) return false;
  if (message.interaction_id && message.interaction_id !== before.interaction_id) return false; // another answer
  if (isNewDay(message, before) || message.message_reference || ANSWERS_A_COMMAND.includes(message.type)) return false;
  return new Date(message.timestamp) - new Date(before.timestamp) < TOGETHER_MS;
}

function isNewDay(message, before) {
  return !before || new Date(before.timestamp).toDateString() !== new Date(message.timestamp).toDateString();
}

const isPinged = (message, act) => message.pings.everyone || message.pings.users.includes(act.me().id);
const isMine = (message, act) => message.author.id === act.me().id;
const DAY = new Intl.DateTimeFormat([], { dateStyle: "long" });
const CLOCK = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const FULL = new Intl.DateTimeFormat([], { dateStyle: "full", timeStyle: "short" });
const day = (timestamp) => DAY.format(new Date(timestamp));
const clock = (timestamp) => CLOCK.format(new Date(timestamp));

// -- what stands above and beside it -----------------------------------------------------

function origin(message) {
  if (message.message_reference) {
    const answered = message.referenced_message;
    if (!answered) return el("p", { class: "origin" }, el("i", {}, "The original message was deleted."));
    const words = inWords(answered.marked?.[answered.content] ?? [answered.content]).slice(0, 120);
    return el("p", { class: "origin" }, face(answered.author, 16), el("b", {}, answered.author.global_name), ` ${words || "a file"}`);
  }
  const asked = message.interaction_metadata;
  if (!asked?.name || !ANSWERS_A_COMMAND.includes(message.type)) return null;
  const name = message.type === 20 ? `/${asked.name}` : asked.name;
  return el("p", { class: "origin" }, face(asked.user, 16), el("b", {}, asked.user.global_name), " used ", el("span", { class: "mention" }, name));
}

function margin(message, grouped, act) {
  if (grouped) return el("time", { class: "margin", datetime: message.timestamp, "aria-hidden": "true" }, clock(message.timestamp));
  const menu = (event) => act.userMenu(event, message.author);
  return el("div", { class: "margin", onclick: menu, oncontextmenu: menu }, face(message.author));
}

function head(message, act) {
  const menu = (event) => act.userMenu(event, message.author);
  const attributes = { type: "button", class: "name", "aria-haspopup": "menu", "data-key": "name", onclick: menu, oncontextmenu: menu };
  const made = new Date(message.timestamp);
  return el(
    "p",
    { class: "head" },
    el("button", attributes, message.author.global_name),
    message.author.bot ? el("span", { class: "tag" }, "APP") : null,
    el("time", { datetime: message.timestamp, title: FULL.format(made) }, clock(message.timestamp)),
  );
}

function tools(message, act) {
  const tool = (name, label, press, more = {}) =>
    el("button", { type: "button", class: "icon", title: label, "aria-label": label, "data-key": name, onclick: press, ...more }, icon(name, 18));
  const menu = { "aria-haspopup": "menu" };
  return el(
    "div",
    { class: "tools" },
    message.ephemeral ? null : tool("smile", "Add a reaction", (event) => act.pickEmoji(event, message), menu),
    isMine(message, act) ? tool("pencil", "Edit", () => act.edit(message)) : null,
    message.ephemeral ? null : tool("reply", "Reply", () => act.reply(message)),
    tool("more", "Apps and more for this message", (event) => act.messageMenu(event, message), menu),
  );
}

// -- what it says ------------------------------------------------------------------------

function body(message, grouped, act) {
  const edited = message.edited_timestamp ? el("span", { class: "edited", title: FULL.format(new Date(message.edited_timestamp)) }, "(edited)") : null;
  const text = message.content ? el("div", { class: "text" }, marked(message, message.content)) : null;
  const last = text?.lastElementChild?.matches("p, small") ? text.lastElementChild : text;
  if (edited) last?.append(edited);
  return el(
    "div",
    { class: "body" },
    grouped ? null : head(message, act),
    message.thinking ? thinking(message) : (act.editorOf(message) ?? text),
    message.embeds.map((embed) => showEmbed(message, embed)),
    showFiles(shownBelow(message)),
    showComponents(message.components, message, act),
    showReactions(message, act),
    message.ephemeral ? note(message, act) : null,
  );
}

function thinking(message) {
  const dots = el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
  return el("p", { class: "thinking" }, dots, `${message.author.global_name} is thinking…`);
}

function note(message, act) {
  const dismiss = el("button", { type: "button", class: "plain", "data-key": "dismiss", onclick: () => act.remove(message) }, "Dismiss message");
  return el("p", { class: "note" }, "Only you can see this · ", dismiss);
}

// Files that a message of components places itself are not shown twice.
function shownBelow(message) {
  if (!message.components.length) return message.attachments;
  const text = JSON.stringify(message.components);
  return message.attachments.filter((file) => !text.includes(file.url));
}

function showEmbed(message, embed) {
  const titled = (href) => (href ? el("a", { href, target: "_blank", rel: "noopener noreferrer" }, marked(message, embed.title)) : marked(message, embed.title));
  const field = (one) => el("div", { class: one.inline ? "inline" : null }, el("dt", {}, marked(message, one.name)), el("dd", {}, marked(message, one.value)));
  const made = el(
    "div",
    { class: "embed" },
    embed.thumbnail ? el("div", { class: "thumbnail" }, picture(embed.thumbnail)) : null,
    embed.author ? el("p", { class: "author" }, embed.author.name) : null,
    embed.title ? el("div", { class: "title" }, titled(embed.url ? safeLink(embed.url) : null)) : null,
    embed.description ? el("div", { class: "text" }, marked(message, embed.description)) : null,
    embed.fields?.length ? el("dl", {}, embed.fields.map(field)) : null,
    embed.image ? gallery([{ media: embed.image, description: embed.image.description }]) : null,
    embed.footer ? el("p", { class: "footer" }, embed.footer.text) : null,
  );
  if (embed.color) made.style.borderInlineStartColor = `#${embed.color.toString(16).padStart(6, "0")}`;
  return made;
}

function showReactions(message, act) {
  if (!message.reactions?.length) return null;
  const me = act.me().id;
  const one = ({ emoji, count }) => {
    const key = emoji.id ? `${emoji.name}:${emoji.id}` : emoji.name;
    const mine = (message.reacted?.[key] ?? []).includes(me);
    const label = `${emoji.name}, ${count} ${count === 1 ? "reaction" : "reactions"}`;
    const attributes = { type: "button", class: "reaction", "aria-pressed": String(mine), "aria-label": label, "data-key": `react ${key}` };
    return el("button", { ...attributes, onclick: () => act.react(message, key, !mine) }, emoji.name, " ", el("b", {}, String(count)));
  };
  return el("div", { class: "row" }, message.reactions.map(one));
}
