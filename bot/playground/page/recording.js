// The recording's page: record what is clicked, keep it as a file or a test, play it again.

import { button, copier, make } from "./inspector-elements.js";

/**
 * Builds the page.
 *
 * @param {HTMLElement} place where it goes
 * @param {import("./inspector.js").Client} client how to ask the playground
 * @param {(path: string, wanted: object) => Promise<void>} post how to have something done
 */
export function mountRecording(place, client, post) {
  const toggle = button("Record", () => run("recording", { on: !recording }), { "aria-pressed": "false" });
  const again = button("Play again", () => run("replay", {}));
  const test = copier("Copy as test", async () => (await client.request("/playground/panel/recorded.py")).text());
  const file = make("input", { type: "file", accept: ".jsonl", onchange: playFile });
  const said = make("p", { role: "status", class: "panel-said" });
  const trouble = make("p", { role: "alert", class: "panel-bad" });
  const steps = make("ol", { class: "panel-steps", "aria-label": "Steps" });
  let recording = false;
  place.append(
    make("p", {}, "Commands, clicks, forms and messages, whoever does them, become a scenario."),
    make("div", { class: "panel-bar" }, toggle, again, test),
    make("div", { class: "panel-bar" }, download("Save scenario", "recorded.jsonl"), download("Save test", "recorded.py")),
    make("label", { class: "panel-bar" }, "Play a file ", file),
    said,
    trouble,
    steps,
  );

  function download(words, name) {
    return make("a", { href: `/playground/panel/${name}`, download: "", class: "panel-save" }, words);
  }

  async function run(path, wanted) {
    trouble.textContent = "";
    try {
      await post(path, wanted);
    } catch (error) {
      trouble.textContent = error.message;
    }
  }

  async function playFile() {
    const [chosen] = file.files;
    if (!chosen) return;
    await run("replay", { scenario: await chosen.text() });
    file.value = "";
  }

  function take({ recording: state }) {
    if (!state) return;
    recording = state.on;
    toggle.textContent = recording ? "Stop" : "Record";
    toggle.setAttribute("aria-pressed", String(recording));
    file.disabled = recording || state.replay.running;
    again.disabled = file.disabled || !state.steps.length;
    said.textContent = state.replay.said;
    steps.replaceChildren(
      ...state.steps.map(({ persona, what }) => make("li", {}, make("small", {}, `${persona} `), what)),
    );
  }

  return { take };
}
