// The inspector's list: what happened, filtered, at most so many rows, drawn once a frame.

import { button, duration, make, minutes, timeOfDay } from "./inspector-elements.js";
import { mountEntry } from "./inspector-entry.js";

const KINDS = { rest: "REST", "to bot": "To the bot", "from bot": "From the bot", interaction: "Interactions", job: "Jobs", log: "Log" };
const KEPT = 2000;
const DRAWN = 300;
const TICK_MS = 250;
const FAR_DOWN = 1e9; // to the end, without asking for a layout to know where that is

/**
 * Builds the list.
 *
 * @param {HTMLElement} place where it goes
 * @param {import("./inspector.js").Client} client how to ask the playground
 * @param {(path: string, wanted: object) => Promise<void>} post how to have something done
 */
export function mountList(place, client, post) {
  const rows = new Map(); // number -> row, in the order of numbers
  const drawn = new Map(); // number -> element
  const changed = new Set();
  const hidden = new Set();
  let ahead = 0; // of our clock, the playground's, in seconds
  let frame = 0;
  let low = true; // the end of the list is in sight, so it is followed
  let visible = false; // nothing is drawn while the panel is folded

  const list = make("ol", { class: "panel-list", "aria-label": "What happened" });
  const search = make("input", { type: "search", placeholder: "Filter", "aria-label": "Filter", oninput: redraw });
  const count = make("span", { class: "panel-count" });
  const entry = mountEntry(client, (text) => {
    search.value = text;
    redraw();
  });
  const clear = button("Clear", async () => {
    await post("clear", {});
    rows.clear();
    redraw();
  });
  place.append(
    make("div", { class: "panel-bar" }, search, clear, count),
    make("div", { class: "panel-bar", role: "group", "aria-label": "Kinds" }, Object.keys(KINDS).map(chip)),
    list,
    entry.element,
  );
  list.addEventListener("keydown", walk);
  list.addEventListener("scroll", () => (low = list.scrollHeight - list.scrollTop - list.clientHeight < 40), { passive: true });
  setInterval(() => visible && tick(), TICK_MS);
  new ResizeObserver(() => {
    visible = list.clientHeight > 0;
    soon();
  }).observe(list);

  function chip(kind) {
    const press = () => {
      if (!hidden.delete(kind)) hidden.add(kind);
      made.setAttribute("aria-pressed", String(!hidden.has(kind)));
      redraw();
    };
    const made = button(KINDS[kind], press, { class: "panel-chip", "aria-pressed": "true" });
    return made;
  }

  function take({ entries = [], now, first }) {
    ahead = now - Date.now() / 1000;
    if (first) rows.clear();
    for (const row of entries) {
      rows.set(row.number, row);
      changed.add(row.number);
      if (row.number === entry.number()) entry.open(row.number);
    }
    for (const number of rows.keys()) {
      if (rows.size <= KEPT) break;
      rows.delete(number);
      changed.delete(number);
    }
    if (first) redraw();
    else soon();
  }

  function soon() {
    frame ||= requestAnimationFrame(draw);
  }

  function redraw() {
    list.replaceChildren();
    drawn.clear();
    changed.clear();
    const wanted = [...rows.values()].filter(matches).slice(-DRAWN);
    for (const row of wanted) changed.add(row.number);
    soon();
  }

  function matches(row) {
    if (hidden.has(row.kind)) return false;
    const words = search.value.toLowerCase().trim();
    if (!words) return true;
    const text = [row.title, row.status, row.interaction ?? "", row.job ?? "", ...row.faults].join(" ");
    return text.toLowerCase().includes(words);
  }

  function draw() {
    frame = 0;
    if (!visible) return;
    const wanted = [...changed].map((number) => rows.get(number)).filter((row) => row && matches(row));
    for (const row of wanted.slice(-DRAWN)) {
      const { number } = row;
      const there = drawn.get(number);
      if (there) fill(there.firstChild, row);
      else insert(row);
    }
    changed.clear();
    while (drawn.size > DRAWN) {
      drawn.delete(Number(list.firstChild.dataset.number));
      list.firstChild.remove();
    }
    count.textContent = `${drawn.size} of ${rows.size}`;
    if (low) list.scrollTop = FAR_DOWN;
  }

  // Nearly always the newest, at the end; a life that goes on may be an older one.
  function insert(row) {
    let after = list.lastChild;
    while (after && Number(after.dataset.number) > row.number) after = after.previousSibling;
    if (!after && drawn.size >= DRAWN) return;
    const press = button("", () => choose(row.number), { class: "panel-row" });
    fill(press, row);
    const item = make("li", { "data-number": String(row.number) }, press);
    drawn.set(row.number, item);
    if (after) after.after(item);
    else list.prepend(item);
  }

  function fill(press, row) {
    const mark = row.faults.length ? make("span", { class: "panel-bad", title: row.faults.join("\n") }, `✗ ${row.faults.length}`) : null;
    press.classList.toggle("panel-faulty", row.faults.length > 0);
    press.replaceChildren(
      make("time", {}, timeOfDay(row.at)),
      make("span", { class: "panel-kind" }, row.kind === "rest" ? "REST" : row.kind),
      make("span", { class: "panel-title" }, row.title),
      make("span", { class: "panel-status" }, mark, row.clock ? clockText(row) : row.status),
      make("span", { class: "panel-took" }, duration(row.took)),
    );
  }

  // The three seconds until the first answer, then the fifteen minutes of the token.
  function clockText(row) {
    const now = Date.now() / 1000 + ahead;
    const { answer_by: answerBy, token_until: tokenUntil, acknowledged, failed } = row.clock;
    if (failed) return row.status;
    if (acknowledged === null) return `${Math.max(0, answerBy - now).toFixed(1)} s left to answer`;
    return now < tokenUntil ? `${row.status}, ${minutes(tokenUntil - now)} left` : `${row.status}, token over`;
  }

  function tick() {
    for (const [number, item] of drawn) {
      const row = rows.get(number);
      if (!row?.clock || item.dataset.over) continue;
      const shown = item.querySelector(".panel-status");
      const text = clockText(row);
      if (shown.lastChild && shown.lastChild.data !== text) shown.lastChild.data = text;
      if (row.clock.failed || text.endsWith("over")) item.dataset.over = "yes";
    }
  }

  async function choose(number) {
    for (const item of list.querySelectorAll("[aria-current]")) item.removeAttribute("aria-current");
    drawn.get(number)?.firstChild.setAttribute("aria-current", "true");
    await entry.open(number);
    drawn.get(number)?.scrollIntoView({ block: "nearest" });
  }

  function walk(event) {
    const side = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const next = side && event.target.closest("li")?.[side];
    if (!next) return;
    next.firstChild.focus();
    event.preventDefault();
  }

  return { take };
}
