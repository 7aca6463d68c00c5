// The side: channels, direct messages, and who one is; and the buttons that fold and colour the page.

import { face, icon } from "./art.js";
import { el, find, openDialog } from "./dom.js";
import { openMenu } from "./picker.js";

const LANGUAGES = { "en-GB": "English", de: "Deutsch", fr: "français", "es-ES": "español", "pt-BR": "português", ja: "日本語" };
const THEMES = { auto: "dark", dark: "light", light: "auto" };

/** What a channel is called. @param {object} channel @param {object} bot */
export const nameOf = (channel, bot) => (channel.type === 1 ? bot.global_name : channel.name);

/**
 * Shows the channels.
 *
 * @param {{channels: object[], channel: object, bot: object, unread: Set<string>}} state
 * @param {(channel: object) => void} go
 */
export function showChannels(state, go) {
  const entry = (channel) => {
    const here = channel.id === state.channel?.id;
    const unread = state.unread.has(channel.id) ? el("span", { class: "unread" }, el("span", { class: "unseen" }, "unread")) : null;
    const sign = channel.type === 1 ? face(state.bot, 24) : icon("hash", 18);
    const adult = channel.nsfw ? el("span", { class: "tag", title: "age-restricted" }, "18+") : null;
    const press = () => (go(channel), fold(false));
    const name = nameOf(channel, state.bot);
    return el("li", {}, el("button", { type: "button", title: name, "aria-current": here ? "page" : null, onclick: press }, sign, el("span", { class: "room" }, name), adult, unread));
  };
  const focused = find("side").contains(document.activeElement) && document.activeElement.textContent;
  find("rooms").replaceChildren(...state.channels.filter((one) => one.type !== 1).map(entry));
  find("direct").replaceChildren(...state.channels.filter((one) => one.type === 1).map(entry));
  if (focused) [...find("side").querySelectorAll("li button")].find((one) => one.textContent === focused)?.focus();
}

/**
 * Shows who one is, with a menu to be somebody else.
 *
 * @param {{me: object, personas: object[]}} state
 * @param {{become: (key: string) => void, welcome: () => void, userMenu: (event: Event, user: object) => void}} act
 */
export function showPersona(state, act) {
  const button = find("persona");
  const role = (one) => [one.manages_guild ? "manages the server" : "member", LANGUAGES[one.locale] ?? one.locale].join(" · ");
  button.setAttribute("aria-label", `You are ${state.me.global_name}, ${role(state.me)}`);
  button.replaceChildren(face(state.me, 32), el("span", {}, state.me.global_name, el("small", {}, role(state.me))));
  button.onclick = (event) =>
    openMenu(event, "You are", [
      ...state.personas.map((one) => ({ label: one.global_name, hint: role(one), art: face(one, 28), checked: one.key === state.me.key, press: () => act.become(one.key) })),
      { label: "Let somebody new in…", press: act.welcome },
    ]);
  button.oncontextmenu = (event) => act.userMenu(event, state.me);
}

/**
 * Asks for a new persona.
 *
 * @param {(persona: {name: string, locale: string, manages_guild: boolean}) => Promise<void>} send
 */
export function askForPersona(send) {
  const dialog = find("modal");
  const name = el("input", { id: "new-name", required: true, maxlength: 32, autocomplete: "off" });
  const language = el("select", { id: "new-language" }, Object.entries(LANGUAGES).map(([code, words]) => el("option", { value: code }, words)));
  const manages = el("input", { id: "new-manages", type: "checkbox" });
  const trouble = el("p", { class: "error", role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    try {
      await send({ name: name.value, locale: language.value, manages_guild: manages.checked });
      dialog.close();
    } catch (error) {
      trouble.textContent = error.message;
    }
  };
  const field = (label, control) => el("div", { class: "field" }, el("label", { for: control.id }, label), control);
  const cancel = el("button", { type: "button", class: "button secondary", onclick: () => dialog.close() }, "Cancel");
  dialog.replaceChildren(
    el(
      "form",
      { onsubmit: submit },
      el("h2", { id: "modal-title" }, "Let somebody in"),
      field("Name", name),
      field("Language", language),
      el("label", { class: "box" }, manages, el("span", {}, "Manages the server")),
      trouble,
      el("div", { class: "row end" }, cancel, el("button", { type: "submit", class: "button primary" }, "Let in")),
    ),
  );
  openDialog(dialog);
}

function fold(open) {
  document.body.classList.toggle("side-open", open);
  find("open-side").setAttribute("aria-expanded", String(open));
}

/** Makes the side's drawer, the panel's fold and the light switch work. */
export function prepareSide() {
  find("open-side").append(icon("menu"));
  find("open-side").addEventListener("click", () => fold(!document.body.classList.contains("side-open")));
  document.querySelector("main").addEventListener("click", (event) => find("open-side").contains(event.target) || fold(false));
  document.addEventListener("keydown", (event) => event.key === "Escape" && fold(false));
  find("fold").append(icon("panel"));
  const showPanel = (shown) => {
    find("panel").hidden = !shown;
    find("fold").setAttribute("aria-expanded", String(shown));
    document.body.classList.toggle("panel-open", shown);
  };
  showPanel(kept("panel") === "shown" && innerWidth > 900);
  find("fold").addEventListener("click", () => {
    showPanel(find("panel").hidden);
    keep("panel", find("panel").hidden ? "hidden" : "shown");
  });
  dress(kept("theme") in THEMES ? kept("theme") : "auto");
  find("theme").addEventListener("click", () => dress(THEMES[document.documentElement.dataset.theme]));
}

function dress(theme) {
  document.documentElement.dataset.theme = theme;
  keep("theme", theme);
  const label = { auto: "Colours follow the system", dark: "Dark colours", light: "Light colours" }[theme];
  find("theme").replaceChildren(icon(theme));
  find("theme").title = label;
  find("theme").setAttribute("aria-label", `${label}; press to change`);
}

function kept(name) {
  try {
    return localStorage.getItem(`playground.${name}`);
  } catch {
    return null; // a browser that keeps nothing
  }
}

function keep(name, value) {
  try {
    localStorage.setItem(`playground.${name}`, value);
  } catch {
    // a browser that keeps nothing
  }
}
