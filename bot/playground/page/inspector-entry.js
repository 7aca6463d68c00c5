// All of one entry: what is wrong with it, the stages of its life, its bodies, and it as a test.

import { button, copier, duration, make, timeOfDay } from "./inspector-elements.js";

/**
 * Builds the place where an entry is shown.
 *
 * @param {import("./inspector.js").Client} client how to ask the playground
 * @param {(text: string) => void} narrow sets the list's filter
 * @returns {{element: HTMLElement, open: (number: number) => Promise<void>, number: () => number}}
 */
export function mountEntry(client, narrow) {
  const element = make("section", { class: "panel-entry", "aria-label": "Entry", hidden: true });
  let shown = 0;

  async function open(number) {
    shown = number;
    const answer = await client.request(`/playground/panel/entries/${number}`);
    const told = await answer.json();
    if (shown !== number) return; // another was opened meanwhile
    element.hidden = false;
    element.replaceChildren(...(answer.ok ? parts(told) : [head(told.error)]));
  }

  function head(title) {
    const close = button("×", () => ((element.hidden = true), (shown = 0)), { "aria-label": "Close the entry" });
    return make("div", { class: "panel-bar" }, make("h3", {}, title), close);
  }

  function parts(told) {
    return [
      head(told.title),
      tools(told),
      told.faults.length ? make("ul", { class: "panel-faults" }, told.faults.map((one) => make("li", {}, one))) : null,
      told.stages.length ? stages(told) : null,
      ...Object.entries(told.details).map(([name, text]) => body(name, text)),
    ].filter((part) => part !== null);
  }

  function tools(told) {
    const only = told.job ?? told.interaction;
    return make(
      "div",
      { class: "panel-bar" },
      make("span", {}, `${timeOfDay(told.at)} ${told.status} ${duration(told.took)}`.trim()),
      told.test ? copier("Copy as test", () => told.test) : null,
      told.interaction ? button("This interaction", () => narrow(told.interaction)) : null,
      only && only !== told.interaction ? button("This job", () => narrow(only)) : null,
    );
  }

  function stages(told) {
    const lines = told.stages.map(({ what, at, ...more }) => {
      const rest = Object.entries(more).map(([name, value]) => `${name} ${value}`).join(", ");
      const after = make("span", { class: "panel-took" }, `+${duration(Math.max(0, at - told.at))}`);
      return make("li", {}, after, ` ${what}`, rest ? make("small", {}, ` ${rest}`) : null);
    });
    return make("ol", { class: "panel-stages", "aria-label": "Stages" }, lines);
  }

  function body(name, text) {
    const bar = make("summary", {}, name);
    const block = make("details", { open: true }, bar, make("pre", { tabindex: "0" }, text));
    block.append(copier("Copy", () => text));
    return block;
  }

  return { element, open, number: () => shown };
}
