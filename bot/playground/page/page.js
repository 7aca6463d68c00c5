// The playground's page: who one is, where, what is said, and what the bot answers.

import { el } from "./dom.js";
import { modalFields, optionField, walkList } from "./fields.js";
import { relative } from "./markdown.js";
import { showMessage } from "./show.js";

const find = (id) => document.getElementById(id);
const state = { me: null, personas: [], channels: [], channel: null, commands: [], messages: new Map() };
const started = new Set(); // interactions that this page started
const opened = new Map(); // modals that came before we knew that they are ours
let socket = null;

// -- over HTTP -------------------------------------------------------------------------

async function get(path) {
  const mark = path.includes("?") ? "&" : "?";
  const answer = await fetch(`/playground/${path}${mark}as=${state.me?.key ?? "member"}`);
  return answer.json();
}

async function post(path, body, files = []) {
  const all = JSON.stringify({ persona: state.me.key, channel_id: state.channel.id, ...body });
  const form = new FormData();
  form.append("payload_json", all);
  for (const [name, file] of files) form.append(name, file, file.name);
  const headers = files.length ? {} : { "Content-Type": "application/json" };
  const answer = await fetch(`/playground/${path}`, { method: "POST", body: files.length ? form : all, headers });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error ?? said.message);
  return said;
}

async function start(path, body, files) {
  quieten();
  try {
    const { interaction_id: id } = await post(path, body, files);
    own(id);
    return true;
  } catch (error) {
    complain(error.message);
    return false;
  }
}

// The answer may be here before we learn the number of what we asked.
function own(id) {
  started.add(id);
  if (opened.has(id)) openModal(opened.get(id));
}

function complain(sentence) {
  find("trouble").textContent = sentence;
  find("trouble").hidden = false;
}

function quieten() {
  find("trouble").hidden = true;
}

// -- what one may do with a message ----------------------------------------------------

const act = {
  names: {},
  use: (message, custom_id, values) => start("component", { message_id: message.id, custom_id, values }),
  remove: (message) => post("delete", { message_id: message.id }).catch((e) => complain(e.message)),
  react: (message, emoji) => post("react", { message_id: message.id, emoji }),
  selectable: (type) =>
    type === 8
      ? state.channels.filter((c) => c.type === 0).map((c) => ({ label: `#${c.name}`, value: c.id }))
      : type === 6
        ? []
        : state.personas.map((p) => ({ label: p.global_name, value: p.id })),
  openMessageMenu: (event, message) => openMenu(event, 3, message.id, message),
  openUserMenu: (event, user) => openMenu(event, 2, user.id, null),
};

function openMenu(event, type, target, message) {
  event.preventDefault();
  event.stopPropagation();
  const entry = (words, press) =>
    el("li", { role: "none" }, el("button", { role: "menuitem", onclick: () => (closeMenu(), press()) }, words));
  const commands = state.commands.filter((command) => command.type === type);
  const entries = commands.map((c) => entry(c.name, () => start("context", { command: c.name, target_id: target })));
  if (!entries.length) entries.push(el("li", { class: "quiet" }, "The bot has no entry here."));
  const mine = message && (message.author.id === state.me.id || message.ephemeral);
  if (mine) entries.push(entry("Delete", () => act.remove(message)));
  const menu = find("menu");
  menu.replaceChildren(...entries);
  menu.hidden = false;
  const box = event.currentTarget.getBoundingClientRect();
  const x = event.clientX || box.left;
  const y = event.clientY || box.bottom;
  menu.style.left = `${Math.max(4, Math.min(x, innerWidth - menu.offsetWidth - 8))}px`;
  menu.style.top = `${Math.max(4, Math.min(y, innerHeight - menu.offsetHeight - 8))}px`;
  menu.querySelector("button")?.focus();
}

function closeMenu() {
  find("menu").hidden = true;
}

// -- messages --------------------------------------------------------------------------

function put(message) {
  if (message.channel_id !== state.channel?.id) return;
  const list = find("messages");
  const low = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const made = showMessage(message, act);
  const there = list.querySelector(`[data-id="${message.id}"]`);
  if (there) there.replaceWith(made);
  else list.insertBefore(made, [...list.children].find((one) => isLater(one.dataset.id, message.id)) ?? null);
  state.messages.set(message.id, message);
  if (low) {
    list.scrollTop = list.scrollHeight;
    for (const image of made.querySelectorAll("img"))
      image.addEventListener("load", () => (list.scrollTop = list.scrollHeight), { once: true });
  }
}

// Ids are too long for numbers; the longer one, or of two as long the greater, is later.
function isLater(id, than) {
  return id.length === than.length ? id > than : id.length > than.length;
}

async function showChannel(channel) {
  state.channel = channel;
  find("place").textContent = nameOf(channel);
  for (const button of find("channels").querySelectorAll("button"))
    button.setAttribute("aria-current", String(button.dataset.id === channel.id));
  state.messages.clear();
  find("messages").replaceChildren();
  const [commands, messages] = await Promise.all([
    get(`commands?channel_id=${channel.id}`),
    get(`channels/${channel.id}/messages`),
  ]);
  if (state.channel !== channel) return; // somebody was quicker
  state.commands = commands;
  for (const message of messages) if (!state.messages.has(message.id)) put(message);
  find("messages").scrollTop = find("messages").scrollHeight;
}

function nameOf(channel) {
  return channel.type === 0 ? `# ${channel.name}` : "Direct messages";
}

// -- events ----------------------------------------------------------------------------

function watch() {
  socket?.close();
  const mine = new WebSocket(`ws://${location.host}/playground/events?as=${state.me.key}`);
  socket = mine;
  mine.addEventListener("message", (event) => mine === socket && hear(JSON.parse(event.data)));
  mine.addEventListener("close", () => {
    if (mine !== socket) return;
    find("link").textContent = "The playground has gone; trying again…";
    setTimeout(() => become(state.me.key).catch(() => watch()), 2000);
  });
}

async function hear(event) {
  if (event.type === "hello") {
    await showChannel(state.channel);
    find("link").textContent = "Connected";
  } else if (event.type === "message_created" || event.type === "message_updated") {
    if (event.type === "message_created" && event.message.author.bot) find("typing").textContent = "";
    put(event.message);
  } else if (event.type === "message_deleted") {
    find("messages").querySelector(`[data-id="${event.message.id}"]`)?.remove();
  } else if (event.type === "modal_opened") {
    if (started.has(event.interaction.id)) openModal(event.interaction);
    else opened.set(event.interaction.id, event.interaction);
  } else if (event.type === "interaction_failed" && event.interaction.type !== 4) {
    const { command, error } = event.interaction;
    complain(command ? `${command}: ${error}` : error);
  } else if (event.type === "typing_started" && event.channel_id === state.channel?.id) {
    find("typing").textContent = "The bot is typing…";
    setTimeout(() => (find("typing").textContent = ""), 10000);
  }
}

// -- modals ----------------------------------------------------------------------------

function openModal(interaction) {
  const { modal } = interaction;
  const fields = modalFields(modal, act);
  const dialog = find("modal");
  const trouble = el("p", { class: "trouble", role: "alert", hidden: true });
  const send = async (event) => {
    event.preventDefault();
    const values = {};
    const files = [];
    for (const field of fields.filter((one) => one.custom_id)) {
      const value = field.read();
      if (Array.isArray(value) && value[0] instanceof File)
        value.forEach((file, n) => files.push([`${field.custom_id}/${n}`, file]));
      else values[field.custom_id] = value;
    }
    try {
      const { interaction_id: id } = await post("modal", { interaction_id: interaction.id, values }, files);
      dialog.close();
      own(id);
    } catch (error) {
      trouble.textContent = error.message;
      trouble.hidden = false;
    }
  };
  const cancel = el("button", { type: "button", class: "button secondary", onclick: () => dialog.close() }, "Cancel");
  const submit = el("button", { class: "button primary" }, "Submit");
  const form = el("form", { onsubmit: send }, el("h2", {}, modal.title), fields.map((f) => f.element), trouble);
  form.append(el("div", { class: "row end" }, cancel, submit));
  dialog.replaceChildren(form);
  dialog.showModal();
}

// -- commands --------------------------------------------------------------------------

// Every way to use a command: subcommands are entries of their own.
function entries() {
  const all = [];
  const add = (words, thing) => {
    const inner = (thing.options ?? []).filter((option) => option.type <= 2);
    if (inner.length) inner.forEach((option) => add(`${words} ${option.name}`, option));
    else all.push({ words, description: thing.description, options: thing.options ?? [] });
  };
  for (const command of state.commands.filter((one) => one.type === 1)) add(command.name, command);
  return all.sort((a, b) => a.words.localeCompare(b.words));
}

function showPalette(typed) {
  const wanted = typed.replace(/^\//, "").toLowerCase();
  const found = entries().filter((entry) => entry.words.includes(wanted));
  const items = found.map((entry) => {
    const pick = (event) => (event.preventDefault(), openCommand(entry));
    const words = [el("b", {}, `/${entry.words}`), " ", el("span", { class: "quiet" }, entry.description)];
    return el("li", { role: "option", onmousedown: pick, onpick: pick }, words);
  });
  if (!items.length) items.push(el("li", { class: "quiet" }, "No command of this name."));
  items[0].classList.add("marked");
  find("palette").replaceChildren(...items);
  find("palette").hidden = false;
}

function openCommand(entry) {
  find("palette").hidden = true;
  find("text").value = "";
  const form = find("command");
  const fields = entry.options.map((option) => optionField(option, context));
  const context_ = { entry, fields };
  form.onsubmit = (event) => (event.preventDefault(), sendCommand(context_));
  open.command = context_;
  const close = el("button", { type: "button", class: "button secondary", onclick: closeCommand }, "Cancel");
  const run = el("button", { class: "button primary" }, "Run");
  const head = el("p", {}, el("b", {}, `/${entry.words}`), " ", el("span", { class: "quiet" }, entry.description));
  const grid = el("div", { class: "fields" }, fields.map((field) => field.element));
  form.replaceChildren(head, grid, el("div", { class: "row end" }, close, run));
  form.hidden = false;
  (form.querySelector("input, select") ?? run).focus();
}

const open = { command: null };

const context = {
  people: (type) =>
    type === 7
      ? state.channels.filter((c) => c.type === 0).map((c) => ({ name: `#${c.name}`, value: c.id }))
      : state.personas.map((p) => ({ name: p.global_name, value: p.id })),
  async suggest(option, text) {
    const { entry, fields } = open.command;
    const options = { ...given(fields).plain, [option.name]: text };
    const body = { command: entry.words, options, focused: option.name };
    try {
      return (await post("autocomplete", body)).choices;
    } catch (error) {
      complain(error.message);
      return [];
    }
  },
};

function given(fields) {
  const plain = {};
  const files = [];
  for (const field of fields) {
    const value = field.read();
    if (value instanceof File) files.push([field.name, value]);
    else if (value !== undefined) plain[field.name] = value;
  }
  return { plain, files };
}

async function sendCommand({ entry, fields }) {
  const { plain, files } = given(fields);
  const sent = await start("invoke", { command: entry.words, options: plain }, files);
  if (sent && open.command?.entry === entry) closeCommand(); // else another was opened meanwhile
}

function closeCommand() {
  open.command = null;
  find("command").hidden = true;
  find("command").replaceChildren();
  find("text").focus();
}

// -- beginning -------------------------------------------------------------------------

async function become(key) {
  const people = await get("personas");
  state.personas = people.personas;
  state.me = state.personas.find((one) => one.key === key) ?? state.personas[0];
  act.names = Object.fromEntries([...state.personas, people.bot].map((p) => [p.id, p.global_name]));
  document.title = `${people.bot.global_name} playground`;
  find("persona").replaceChildren(
    ...state.personas.map((p) => {
      const words = p.manages_guild ? `${p.global_name}, a manager` : p.global_name;
      return el("option", { value: p.key, selected: p.key === state.me.key }, words);
    }),
  );
  state.channels = await get("channels");
  const entry = (channel) =>
    el("button", { "data-id": channel.id, onclick: () => showChannel(channel) }, nameOf(channel));
  find("channels").replaceChildren(...state.channels.map((channel) => el("li", {}, entry(channel))));
  const same = state.channels.find((channel) => channel.id === state.channel?.id);
  state.channel = same ?? state.channels[0];
  find("link").textContent = "Connecting…";
  watch(); // its first event shows the channel, so that nothing falls between
}

async function say(event) {
  event?.preventDefault();
  const text = find("text");
  const files = [...find("files").files].map((file, n) => [`files[${n}]`, file]);
  quieten();
  try {
    await post("say", { content: text.value }, files);
    text.value = "";
    find("files").value = "";
    find("chosen").textContent = "";
  } catch (error) {
    complain(error.message);
  }
}

function listen() {
  const text = find("text");
  find("say").addEventListener("submit", say);
  find("persona").addEventListener("change", (event) => become(event.target.value));
  find("slash").addEventListener("click", () => {
    text.value = "/";
    text.focus();
    showPalette("/");
  });
  text.addEventListener("input", () => {
    if (text.value.startsWith("/")) showPalette(text.value);
    else find("palette").hidden = true;
  });
  text.addEventListener("keydown", (event) => {
    walkList(event, find("palette"));
    if (event.key === "Enter" && !event.shiftKey && !event.defaultPrevented) say(event);
  });
  text.addEventListener("blur", () => (find("palette").hidden = true)); // a press on it takes no focus
  find("files").addEventListener("change", (event) => {
    find("chosen").textContent = [...event.target.files].map((file) => file.name).join(", ");
  });
  document.addEventListener("click", (event) => find("menu").contains(event.target) || closeMenu());
  document.addEventListener("keydown", (event) => event.key === "Escape" && closeMenu());
  setInterval(() => {
    for (const time of document.querySelectorAll("time[data-relative]"))
      time.textContent = relative(Number(time.dataset.relative));
  }, 1000);
}

listen();
become("member").catch((error) => complain(error.message));
