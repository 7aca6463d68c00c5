// Shows the components of messages: buttons, selects, and all of Components V2.

import { el, safeLink } from "./dom.js";
import { marked } from "./marked.js";
import { openPicker } from "./picker.js";
import { cover, gallery, picture, showFile } from "./pictures.js";

const BUTTON_STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger" };

/**
 * Shows components.
 *
 * @param {Array<object>} components as Discord's documents describe them
 * @param {object} message whose they are
 * @param {import("./message.js").Acts} act
 */
export function showComponents(components, message, act) {
  return components.map((component) => one(component, message, act));
}

function one(component, message, act) {
  const inside = () => showComponents(component.components ?? [], message, act);
  switch (component.type) {
    case 1:
      return el("div", { class: "row" }, inside());
    case 2:
      return button(component, message, act);
    case 3:
    case 5:
    case 6:
    case 7:
    case 8:
      return select(component, message, act);
    case 9:
      return el("div", { class: "section" }, el("div", {}, inside()), one(component.accessory, message, act));
    case 10:
      return el("div", { class: "text" }, marked(message, component.content));
    case 11:
      return el("div", { class: "thumbnail" }, picture(component.media, component.description, component.spoiler));
    case 12:
      return gallery(component.items);
    case 13:
      return showFile({ ...component.file, filename: component.name ?? "a file", size: component.size }, component.spoiler);
    case 14:
      return el(component.divider === false ? "div" : "hr", { class: component.spacing === 2 ? "gap large" : "gap" });
    case 17:
      return container(component, inside());
    default:
      return el("p", { class: "quiet" }, `A component of type ${component.type}.`);
  }
}

function container(component, inside) {
  const made = el("div", { class: "container" }, inside);
  if (component.accent_color) made.style.borderInlineStartColor = `#${component.accent_color.toString(16).padStart(6, "0")}`;
  if (component.spoiler) cover(made);
  return made;
}

function button(component, message, act) {
  const words = [component.emoji?.name, component.label].filter(Boolean).join(" ");
  if (component.style === 5) {
    const href = safeLink(component.url);
    return el("a", { class: "button secondary", href, target: "_blank", rel: "noopener noreferrer" }, words, " ↗");
  }
  const press = () => act.use(message, component.custom_id);
  const style = BUTTON_STYLES[component.style] ?? "secondary";
  return el("button", { type: "button", class: `button ${style}`, disabled: component.disabled, "data-key": component.custom_id, onclick: press }, words);
}

function select(component, message, act) {
  const options = component.options ?? act.selectable(component.type);
  const label = component.placeholder ?? "Make a selection";
  const chosen = options.filter((option) => option.default).map((option) => option.label);
  const open = (event) =>
    openPicker(event.currentTarget, {
      label,
      options,
      least: component.min_values ?? 1,
      most: component.max_values ?? 1,
      done: (values) => act.use(message, component.custom_id, values),
    });
  const attributes = { type: "button", class: "select", disabled: component.disabled, "aria-haspopup": "listbox", "data-key": component.custom_id, onclick: open };
  return el("button", { ...attributes, "aria-label": chosen.length ? `${label}: ${chosen.join(", ")}` : label }, el("span", {}, chosen.join(", ") || label));
}
