// The faults' page: what can be brought about, what is on now, what was done.

import { button, make, numberField, timeOfDay } from "./inspector-elements.js";

const STATUSES = [429, 500, 502, 503];

/**
 * Builds the page.
 *
 * @param {HTMLElement} place where it goes
 * @param {(path: string, wanted: object) => Promise<void>} post how to have something done
 */
export function mountFaults(place, post) {
  const trouble = make("p", { class: "panel-bad", role: "alert" });
  const on = make("ul", { class: "panel-on", "aria-label": "Faults that are on" });
  const deeds = make("div", { class: "panel-bar" });
  const done = make("ol", { class: "panel-done", "aria-label": "What was done" });
  place.append(
    make("p", {}, "What a bad day does to a bot, on purpose. The page itself is spared."),
    make("section", { "aria-label": "On now" }, on, button("Reset", () => bring("reset"))),
    group("Gateway", gateway()),
    group("Requests", requests()),
    group("The bot", deeds),
    trouble,
    make("h3", {}, "Done"),
    done,
  );

  async function bring(fault, more = {}) {
    trouble.textContent = "";
    try {
      await post("faults", { fault, ...more });
    } catch (error) {
      trouble.textContent = error.message;
    }
  }

  function group(name, ...inside) {
    return make("fieldset", {}, make("legend", {}, name), ...inside);
  }

  function gateway() {
    const away = numberField("Away for", { value: 5, min: 1 }, "s");
    return make(
      "div",
      {},
      make(
        "div",
        { class: "panel-bar" },
        button("Drop", () => bring("drop_gateway")),
        button("Drop and forget its session", () => bring("drop_gateway", { forget: true })),
      ),
      form("Send away", () => bring("gateway_away", { seconds: away.read() }), away.label),
    );
  }

  function requests() {
    const delay = numberField("Each waits for", { value: 1, max: 60, step: 0.1 }, "s");
    const status = make("select", {}, STATUSES.map((one) => make("option", { value: String(one) }, String(one))));
    const amount = numberField("for", { value: 3, min: 1, max: 10000 });
    const unit = make(
      "select",
      { "aria-label": "Unit" },
      make("option", { value: "requests" }, "requests"),
      make("option", { value: "seconds" }, "seconds"),
    );
    const retry = numberField("retry after", { value: 1, max: 60, step: 0.1 }, "s");
    const refuse = () =>
      bring("refuse", {
        status: Number(status.value),
        [unit.value]: amount.read(),
        retry_after: retry.read(),
      });
    return make(
      "div",
      {},
      form("Delay", () => bring("delay", { seconds: delay.read() }), delay.label),
      form("Refuse", refuse, make("label", {}, "Answer with ", status), amount.label, unit, retry.label),
    );
  }

  function form(words, send, ...fields) {
    const submit = (event) => {
      event.preventDefault();
      send();
    };
    return make("form", { class: "panel-bar", onsubmit: submit }, ...fields, make("button", { type: "submit" }, words));
  }

  function take({ faults, now }) {
    if (!faults) return;
    const lines = active(faults, now);
    on.replaceChildren(...(lines.length ? lines : ["None is on."]).map((one) => make("li", {}, one)));
    deeds.replaceChildren(
      ...(faults.deeds.length
        ? faults.deeds.map((name) => button(name, () => bring("deed", { name })))
        : ["Whoever runs this bot offers nothing here."]),
    );
    done.replaceChildren(
      ...faults.done.toReversed().map(({ at, what }) => make("li", {}, make("time", {}, timeOfDay(at)), ` ${what}`)),
    );
  }

  function active({ delay, refusing, away_until: awayUntil }, now) {
    const lines = [];
    if (delay) lines.push(`Each request waits for ${delay} s.`);
    if (refusing) {
      const { status, left, until, retry_after: retry } = refusing;
      const how = status === 429 ? ` (retry after ${retry} s)` : "";
      const long = left === null ? `until ${timeOfDay(until)}` : `for the next ${left}`;
      lines.push(`Requests are answered with ${status}${how} ${long}.`);
    }
    if (awayUntil !== null && awayUntil > now) lines.push(`The gateway is away until ${timeOfDay(awayUntil)}.`);
    return lines;
  }

  return { take };
}
