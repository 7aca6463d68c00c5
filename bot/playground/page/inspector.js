// The panel beside the chat: the inspector's list, faults and recording, each behind a tab.

import { mountFaults } from "./faults.js";
import { make } from "./inspector-elements.js";
import { openFeed } from "./inspector-feed.js";
import { mountList } from "./inspector-list.js";
import { mountRecording } from "./recording.js";

/**
 * @typedef {object} Client
 * @property {(path: string, init?: RequestInit) => Promise<Response>} request fetch, with the key
 * @property {(type: string, handler: (event: object) => void) => void} on a message of the page
 * @property {string} persona whom one is now
 */

/**
 * Builds the panel inside an element and keeps it up to date.
 *
 * @param {HTMLElement} element where it goes
 * @param {Client} client how to ask the playground
 * @returns {{close: () => void}} ends the panel's socket
 */
export function mount(element, client) {
  document.head.append(make("link", { rel: "stylesheet", href: "/page/inspector.css" }));
  const post = poster(client);
  const pages = {
    Inspector: (place) => mountList(place, client, post),
    Faults: (place) => mountFaults(place, post),
    Recording: (place) => mountRecording(place, client, post),
  };
  const tabs = make("div", { role: "tablist", class: "panel-tabs", "aria-label": "Panel" });
  const link = make("span", { class: "panel-link", role: "status" });
  element.classList.add("panel");
  element.replaceChildren(make("div", { class: "panel-head" }, tabs, link));
  const shown = Object.entries(pages).map(([name, build]) => tab(element, tabs, name, build));
  select(shown, 0);
  tabs.addEventListener("keydown", (event) => steer(event, shown));
  for (const [number, one] of shown.entries()) one.button.onclick = () => select(shown, number);
  return openFeed(
    (batch) => shown.forEach((one) => one.page.take(batch)),
    (connected) => (link.textContent = connected ? "" : "Not connected"),
  );
}

function tab(element, tabs, name, build) {
  const id = `panel-${name.toLowerCase()}`;
  const button = make("button", { type: "button", role: "tab", id: `${id}-tab`, "aria-controls": id }, name);
  const place = make("div", { role: "tabpanel", id, "aria-labelledby": `${id}-tab`, class: "panel-page" });
  tabs.append(button);
  element.append(place);
  return { button, place, page: build(place) };
}

function select(shown, chosen) {
  for (const [number, one] of shown.entries()) {
    one.button.setAttribute("aria-selected", String(number === chosen));
    one.button.tabIndex = number === chosen ? 0 : -1;
    one.place.hidden = number !== chosen;
  }
}

function steer(event, shown) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const here = shown.findIndex((one) => one.button === document.activeElement);
  const next = (here + step + shown.length) % shown.length;
  select(shown, next);
  shown[next].button.focus();
  event.preventDefault();
}

// Sends what the panel wants done; a refusal is thrown with its sentence.
function poster(client) {
  return async (path, wanted) => {
    const answer = await client.request(`/playground/panel/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(wanted),
    });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.error ?? said.message ?? answer.statusText);
  };
}
