// Small pieces that the panel is built of. Text is always text: nothing here takes markup.

/**
 * Makes an element.
 *
 * @param {string} tag its name
 * @param {Record<string, string | boolean | null | ((event: Event) => void)>} attributes by name;
 *   one whose name begins with "on" is a listener, false or null leaves it out
 * @param {...(Node | string | null)} children what is in it
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false || value === undefined) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null));
  return made;
}

/**
 * Makes a button.
 *
 * @param {string} words what stands on it
 * @param {(event: Event) => void} press what it does
 * @param {Record<string, string>} attributes more of it
 */
export function button(words, press, attributes = {}) {
  return make("button", { type: "button", onclick: press, ...attributes }, words);
}

/**
 * Makes a field for a number with its words.
 *
 * @param {string} words before it
 * @param {{value: number, min?: number, max?: number, step?: number}} bounds of the number
 * @param {string} after words behind it
 * @returns {{label: HTMLElement, read: () => number}}
 */
export function numberField(words, { value, min = 0, max = 600, step = 1 }, after = "") {
  const input = make("input", { type: "number", value, min, max, step, required: true });
  const label = make("label", {}, `${words} `, input, ` ${after}`);
  return { label, read: () => input.valueAsNumber };
}

/** Puts a text on the clipboard, also where the browser has none for pages like this. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = make("textarea", { class: "panel-unseen" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** Returns a button that copies what `text` gives, and says that it has. */
export function copier(words, text) {
  const made = button(words, async () => {
    await copy(await text());
    made.textContent = "Copied";
    setTimeout(() => (made.textContent = words), 1500);
  });
  return made;
}

/** Writes a time of day with milliseconds. @param {number} seconds since 1970 */
export function timeOfDay(seconds) {
  const date = new Date(seconds * 1000);
  const two = (number) => String(number).padStart(2, "0");
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${clock}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Writes how long something took. @param {number | null} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${minutes(seconds)} min`;
}

/** Writes minutes and seconds. @param {number} seconds */
export function minutes(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
