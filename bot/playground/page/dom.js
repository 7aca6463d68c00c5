// Builds elements. Text is always text: nothing here takes markup.

/**
 * Makes an element.
 *
 * @param {string} tag its name
 * @param {object} attributes by name; "onclick" and its like are listeners; null and false are left out
 * @param {...(Node | string | null | Array)} children what is in it
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (name === "value") made.value = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Finds an element of the page by its id. @param {string} id */
export const find = (id) => document.getElementById(id);

let serial = 0;

/** Makes an id that nothing else has. @param {string} word what it begins with */
export const freshId = (word) => `${word}-${++serial}`;

/**
 * Lets through only what may become a link or a picture's address. Our own files are asked for
 * under the name that this page was opened by, be it 127.0.0.1 or localhost.
 *
 * @param {string} url
 * @returns {string | null}
 */
export function safeLink(url) {
  try {
    const parsed = new URL(url, location.href);
    const own = parsed.hostname === "127.0.0.1" && (parsed.port === location.port || parsed.pathname.startsWith("/attachments/"));
    if (own && parsed.protocol === "http:") return location.origin + parsed.pathname + parsed.search;
    return ["http:", "https:"].includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

/** Writes a size as people do. @param {number} bytes */
export function sizeInWords(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/**
 * Remembers where the focus is, or will be wanted.
 *
 * @param {Element} element
 * @returns {() => void} gives the focus back, also where the message around it was drawn anew
 */
export function holdFocus(element = document.activeElement) {
  const [entry, control] = [element.closest("li[data-id]"), element.closest("[data-key]")];
  return () => {
    const now = entry && document.querySelector(`#messages > li[data-id="${entry.dataset.id}"]`);
    const same = control && now?.querySelector(`[data-key="${CSS.escape(control.dataset.key)}"]`);
    const there = element.isConnected && element !== document.body ? element : (same ?? now ?? find("text"));
    there?.focus({ preventScroll: true });
  };
}

/** Opens a dialog; the focus goes back to where it was when it closes. @param {HTMLDialogElement} dialog */
export function openDialog(dialog) {
  if (dialog.open) return;
  const back = holdFocus();
  const lost = () => document.activeElement === document.body || dialog.contains(document.activeElement);
  dialog.addEventListener("close", () => lost() && back(), { once: true });
  dialog.showModal();
}

const SAID_MS = 10_000;

/** Says something to those who listen to the page rather than look at it. @param {string} words */
export function announce(words) {
  const said = el("p", {}, words); // its own element, so that the same words are heard again
  find("announce").append(said);
  setTimeout(() => said.remove(), SAID_MS);
}

/** Puts a text on the clipboard, also where the browser has none for pages like this. @param {string} text */
export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = el("textarea", { class: "unseen", value: text });
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
