// The playground's page: who one is, where, what is said, and what the bot answers.

import { Client } from "./client.js";
import { Composer } from "./composer.js";
import { announce, copyText, el, find } from "./dom.js";
import { Editor } from "./edit.js";
import { callThem, tick } from "./marked.js";
import { mentionable } from "./mentions.js";
import { openModal } from "./modal.js";
import { localised } from "./options.js";
import { openMenu } from "./picker.js";
import { askForPersona, nameOf, prepareSide, showChannels, showPersona } from "./side.js";
import { hush, tell } from "./telling.js";
import { Timeline } from "./timeline.js";

const EMOJI = ["👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "👀", "⭐", "✅", "❌", "🦁"];
const TYPING_MS = 10_000;

const state = { me: null, personas: [], bot: null, channels: [], channel: null, commands: [], unread: new Set() };
const client = new Client(new URLSearchParams(location.search).get("as") ?? "member");
const opened = new Map(); // forms that came before we knew that they are ours
const sending = new Map(); // interactions of ours that have no answer yet, with when to stop waiting

// -- what one may do ---------------------------------------------------------------------

const act = {
  me: () => state.me,
  use: (message, custom_id, values) => start("component", { message_id: message.id, custom_id, values }),
  remove: (message) => attempt(client.post("delete", { message_id: message.id })),
  react: (message, emoji, present = true) => attempt(client.post("react", { message_id: message.id, emoji, present })),
  reply: (message) => composer.reply(message),
  edit: (message, back = () => timeline.focus(message.id)) => editor.open(message, back),
  editorOf: (message) => editor.of(message),
  selectable: (type) => people({ 5: 6, 7: 6, 8: 7 }[type] ?? 8).map(({ name, value }) => ({ label: name, value })),
  messageMenu: (event, message) => openMenu(event, "Message", messageEntries(message)),
  userMenu: (event, user) => openMenu(event, user.global_name, [{ heading: user.global_name }, ...apps(2, user.id), { label: "Copy ID", press: () => copyText(user.id) }]),
  pickEmoji: (event, message) => openMenu(event, "Reactions", EMOJI.map((emoji) => ({ label: emoji, press: () => act.react(message, emoji) })), 6),
};

function messageEntries(message) {
  const [own, forMe] = [message.author.id === state.me.id, message.only_for === state.me.id];
  return [
    { heading: "Apps" },
    ...apps(3, message.id),
    { heading: "Message" },
    ...(own ? [{ label: "Edit message", press: () => act.edit(message) }] : []),
    ...(message.ephemeral ? [] : [{ label: "Reply", press: () => act.reply(message) }]),
    ...(message.content ? [{ label: "Copy text", press: () => copyText(message.content) }] : []),
    { label: "Copy ID", press: () => copyText(message.id) },
    ...(state.channel.type === 0 && !message.ephemeral ? [{ label: "Open a thread", press: () => openThread(message) }] : []),
    ...(own || forMe ? [{ label: message.ephemeral ? "Dismiss message" : "Delete message", press: () => act.remove(message) }] : []),
  ];
}

async function openThread(message) {
  const thread = await attempt(client.post("thread", { message_id: message.id, name: "A thread" }));
  if (thread) go(thread);
}

function apps(type, target) {
  const found = state.commands.filter((command) => command.type === type);
  const entry = (command) => ({ label: localised(command, "name", state.me.locale), press: () => start("context", { command: command.name, target_id: target }) });
  return found.length ? found.map(entry) : [{ label: "The bot has no entry here." }];
}

function people(type) {
  if (type === 7) return state.channels.filter((one) => one.type === 0).map((one) => ({ name: `#${one.name}`, value: one.id }));
  return type === 8 ? [] : [...state.personas, state.bot].map((one) => ({ name: one.global_name, value: one.id }));
}

async function attempt(work) {
  composer.quieten();
  try {
    return await work;
  } catch (error) {
    composer.complain(error.message);
    return null;
  }
}

const start = (path, body) => attempt(client.start(path, body));

function editLast() {
  const last = timeline.newest((message) => message.author.id === state.me.id);
  const stay = timeline.atEnd;
  const back = () => (composer.text.focus(), stay && timeline.toEnd());
  if (last) act.edit(last, back);
  return Boolean(last);
}

const page = { client, people, editLast, mentionable: () => mentionable(state), bot: () => state.bot, commands: () => state.commands, locale: () => state.me.locale };
const composer = new Composer(page);
const editor = new Editor({ ...page, redraw: (id) => timeline.refresh(id), reveal: (id) => timeline.reveal(id), said: announce });
const timeline = new Timeline(act, (before, limit) => client.get(`channels/${state.channel.id}/messages?before=${before}&limit=${limit}`));

// -- where one is ------------------------------------------------------------------------

async function enter(channel) {
  state.channel = channel;
  client.channelId = channel.id;
  timeline.hold();
  state.unread.delete(channel.id);
  showChannels(state, go);
  const name = nameOf(channel, state.bot);
  find("place").textContent = channel.type === 1 ? `@ ${name}` : `# ${name}`;
  find("place").title = name; // a long one is cut
  composer.text.placeholder = `Message ${channel.type === 1 ? "@" : "#"}${name}, or / for commands`;
  const mine = [`commands?channel_id=${channel.id}`, `channels/${channel.id}/messages?limit=${timeline.page}`];
  const [commands, messages] = await Promise.all(mine.map((path) => client.get(path)));
  if (state.channel !== channel || client.persona !== state.me.key) return; // somebody was quicker
  state.commands = commands;
  composer.refresh();
  timeline.reset(messages);
}

function go(channel) {
  editor.leave();
  composer.leave();
  attempt(enter(channel));
}

async function meet() {
  const [{ personas, bot }, channels] = await Promise.all([client.get("personas"), client.get("channels")]);
  Object.assign(state, { personas, bot, channels });
  state.me = personas.find((one) => one.key === client.persona) ?? personas[0];
  const named = (all, name) => Object.fromEntries(all.map((one) => [one.id, name(one)]));
  callThem(named([...personas, bot], (one) => one.global_name), named(channels, (one) => one.name));
  document.title = `${bot.global_name} playground`;
  showPersona(state, { become, welcome: () => askForPersona(welcome), userMenu: act.userMenu });
}

function become(key) {
  editor.leave();
  composer.leave();
  state.unread.clear();
  find("link").textContent = "Connecting…";
  client.watch(key); // its first event shows the channel, so that nothing falls between
}

async function welcome(persona) {
  const who = await client.post("personas", persona);
  become(who.key);
}

// -- what happens ------------------------------------------------------------------------

client.on("hello", async ({ bot_online: online }) => {
  await attempt(meet());
  const there = state.channels.find((one) => one.id === state.channel?.id) ?? state.channels.find((one) => one.type === (state.channel?.type ?? 0));
  await attempt(enter(there ?? state.channels[0]));
  showLink(online);
});

client.on("link", () => showLink(null));
client.on("bot_presence", ({ bot_online: online }) => showLink(online));

function showLink(online) {
  const words = { true: "Connected", false: `${state.bot?.global_name ?? "The bot"} is offline`, null: "The playground has gone; trying again…" }[online];
  find("link").textContent = words;
  find("link").dataset.state = { true: "good", false: "away", null: "gone" }[online];
}

client.on("commands", async () => {
  const commands = await attempt(client.get(`commands?channel_id=${state.channel.id}`));
  if (!commands) return;
  state.commands = commands;
  composer.refresh();
});
client.on("people", async () => {
  await attempt(meet());
  composer.refresh();
});
client.on("channels", async () => {
  await attempt(meet());
  const there = state.channels.some((one) => one.id === state.channel?.id);
  if (there) showChannels(state, go);
  else go(state.channels[0]);
});

for (const type of ["message_created", "message_updated"]) client.on(type, ({ message }) => hear(type, message));
client.on("message_deleted", ({ message }) => {
  hush(message.id);
  editor.gone(message.id);
  timeline.remove(message.id);
});

function hear(type, message) {
  const created = type === "message_created";
  if (message.channel_id === state.channel?.id) {
    const before = timeline.get(message.id);
    timeline.put(message);
    if (message.author.id !== state.me.id) tell(message, before?.id === message.id ? before : undefined);
    if (created && message.author.bot) composer.typing.textContent = "";
  } else if (created && !state.unread.has(message.channel_id)) {
    state.unread.add(message.channel_id);
    showChannels(state, go);
  }
}

client.on("started", ({ id }) => {
  if (opened.has(id)) show(opened.get(id));
  else wait(id, true);
});
client.on("interaction_acknowledged", ({ interaction }) => wait(interaction.id, false));
client.on("modal_opened", ({ interaction }) => {
  wait(interaction.id, false);
  if (client.started.has(interaction.id)) show(interaction);
  else opened.set(interaction.id, interaction);
});
client.on("interaction_failed", ({ interaction }) => {
  wait(interaction.id, false);
  if (interaction.type === 4) return; // suggestions say it themselves
  composer.complain(interaction.command ? `${interaction.command}: ${interaction.error}` : interaction.error);
});

function wait(id, begins) {
  if (begins && !sending.has(id)) sending.set(id, true);
  else sending.set(id, false);
  const busy = [...sending.values()].some(Boolean);
  composer.typing.textContent = busy ? "Sending…" : "";
}

function show(interaction) {
  opened.delete(interaction.id);
  const send = (values, files) => client.start("modal", { interaction_id: interaction.id, values }, files);
  openModal(interaction, { send, selectable: act.selectable });
}

let typing = 0;
client.on("typing_started", ({ channel_id: where }) => {
  if (where !== state.channel?.id) return;
  composer.typing.textContent = `${state.bot.global_name} is typing…`;
  clearTimeout(typing);
  typing = setTimeout(() => (composer.typing.textContent = ""), TYPING_MS);
});

// -- beginning ---------------------------------------------------------------------------

prepareSide();
setInterval(tick, 1000);
document.addEventListener("keydown", (event) => {
  const writes = event.target.closest("input, textarea, select, dialog, [popover], [contenteditable]");
  if (writes || event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1 || event.key === " ") return;
  if (event.target.closest("#panel") || composer.form.entry) return;
  composer.text.focus(); // whoever types means the field
});
become(client.persona);
import("./inspector.js").then((panel) => panel.mount(find("panel"), client)).catch((error) => find("panel").replaceChildren(el("p", {}, error.message)));
