// Forms that the bot opens: texts, choices, files, checked before they are sent.

import { icon } from "./art.js";
import { el, find, freshId, openDialog, sizeInWords } from "./dom.js";

/**
 * Opens a form.
 *
 * @param {object} interaction whose `modal` it is
 * @param {{send: (values: object, files: Array) => Promise<void>, selectable: (type: number) => Array}} act
 */
export function openModal(interaction, act) {
  const { modal } = interaction;
  const fields = modal.components.map((part) => partOf(part, act));
  const dialog = find("modal");
  const trouble = el("p", { class: "error", role: "alert" });
  const send = async (event) => {
    event.preventDefault();
    const wrong = fields.filter((field) => field.check && !field.check());
    if (wrong.length) return wrong[0].focus();
    const { values, files } = collected(fields);
    try {
      await act.send(values, files);
      dialog.close();
    } catch (error) {
      trouble.textContent = error.message;
    }
    return undefined;
  };
  const cancel = el("button", { type: "button", class: "button secondary", onclick: () => dialog.close() }, "Cancel");
  const submit = el("button", { type: "submit", class: "button primary" }, "Submit");
  const form = el("form", { onsubmit: send, novalidate: true }, el("h2", { id: "modal-title" }, modal.title), fields.map((field) => field.element), trouble);
  form.append(el("div", { class: "row end" }, cancel, submit));
  form.addEventListener("paste", (event) => pasted(event, fields));
  dialog.replaceChildren(form);
  openDialog(dialog);
  form.querySelector("input, textarea, select, .drop")?.focus();
}

// Files that are pasted go to the field that has the focus, else to the first that takes files.
function pasted(event, fields) {
  const files = [...event.clipboardData.files];
  const takers = fields.filter((field) => field.take);
  if (!files.length || !takers.length) return;
  event.preventDefault();
  (takers.find((field) => field.element.contains(event.target)) ?? takers[0]).take(files);
}

function collected(fields) {
  const values = {};
  const files = [];
  for (const field of fields.filter((one) => one.customId)) {
    const value = field.read();
    if (value?.[0] instanceof File) value.forEach((file, number) => files.push([`${field.customId}/${number}`, file]));
    else values[field.customId] = value;
  }
  return { values, files };
}

function partOf(part, act) {
  if (part.type === 10) return { element: el("p", {}, part.content) };
  const control = part.type === 18 ? part.component : part.components[0];
  return fieldOf(control, part.label ?? control.label, part.description, act);
}

function fieldOf(control, label, description, act) {
  const id = freshId("field");
  const required = control.required !== false && control.type !== 23;
  const made = controlOf(control, id, act);
  const hint = description ? el("p", { class: "hint", id: `${id}-hint` }, description) : null;
  const error = el("p", { class: "error", id: `${id}-error` });
  const star = required ? el("span", { class: "required", "aria-hidden": "true" }, "*") : null;
  const title = made.group ? el("b", { id: `${id}-title` }, label, star) : el("label", { for: id }, label, star);
  if (made.group) made.element.setAttribute("aria-labelledby", `${id}-title`);
  const field = made.field ?? made.element;
  field.setAttribute("aria-describedby", [hint && `${id}-hint`, `${id}-error`].filter(Boolean).join(" "));
  if (required && "required" in field) field.required = true; // said with its name; `check` does the checking
  const check = () => {
    error.textContent = fault(control, made.read(), required) ?? "";
    if (!made.group) field.setAttribute("aria-invalid", String(error.textContent !== ""));
    return error.textContent === "";
  };
  field.addEventListener("change", () => error.textContent && check());
  return { element: el("div", { class: "field" }, title, hint, made.element, error), customId: control.custom_id, read: made.read, take: made.take, check, focus: () => (made.group ? made.element.querySelector("input") : field).focus() };
}

// Says what is wrong with a value, as Discord's client does; null if nothing is.
function fault(control, value, required) {
  const empty = value === "" || value === undefined || value === null || (Array.isArray(value) && !value.length);
  if (empty) return required ? "This is required." : null;
  if (control.type === 4) {
    const [low, high] = [control.min_length ?? 0, control.max_length ?? 4000];
    return value.length < low || value.length > high ? `Write between ${low} and ${high} characters; this has ${value.length}.` : null;
  }
  const [low, high] = [control.min_values ?? 1, control.max_values ?? 1];
  if (Array.isArray(value) && (value.length < low || value.length > high)) return low === high ? `Choose ${low}.` : `Choose between ${low} and ${high}.`;
  return null;
}

function controlOf(control, id, act) {
  switch (control.type) {
    case 4:
      return textInput(control, id);
    case 19:
      return fileUpload(control, id);
    case 21:
    case 22:
      return boxes(control, id);
    case 23:
      return checkbox(control, id);
    default:
      return select(control, id, act.selectable);
  }
}

function textInput(control, id) {
  const input = el(control.style === 2 ? "textarea" : "input", { id, rows: control.style === 2 ? 5 : null, placeholder: control.placeholder, maxlength: control.max_length ?? 4000, autocomplete: "off" });
  input.value = control.value ?? "";
  return { element: input, read: () => input.value };
}

function select(control, id, selectable) {
  const options = control.options ?? selectable(control.type);
  const several = (control.max_values ?? 1) > 1;
  const entries = options.map((one) => el("option", { value: one.value, selected: one.default }, one.description ? `${one.label} – ${one.description}` : one.label));
  if (!several) entries.unshift(el("option", { value: "" }, control.placeholder ?? "Make a selection"));
  const made = el("select", { id, multiple: several, size: several ? Math.min(entries.length, 6) : null }, entries);
  return { element: made, read: () => [...made.selectedOptions].map((one) => one.value).filter(Boolean) };
}

function boxes(control, id) {
  const kind = control.type === 21 ? "radio" : "checkbox";
  const inputs = control.options.map((one) => el("input", { type: kind, name: id, value: one.value, checked: one.default }));
  const lines = control.options.map((one, number) => el("label", { class: "box" }, inputs[number], el("span", {}, one.label, one.description ? el("small", {}, one.description) : null)));
  const picked = () => inputs.filter((one) => one.checked).map((one) => one.value);
  const read = kind === "radio" ? () => picked()[0] : picked;
  return { element: el("div", { role: kind === "radio" ? "radiogroup" : "group" }, lines), read, group: true };
}

function checkbox(control, id) {
  const input = el("input", { id, type: "checkbox", checked: control.default });
  return { element: input, read: () => input.checked };
}

function fileUpload(control, id) {
  const most = control.max_values ?? 1;
  let files = [];
  const list = el("ul", { class: "tray" });
  const chooser = el("input", { type: "file", class: "unseen", multiple: most > 1, tabindex: -1, "aria-hidden": "true" });
  const field = el("button", { type: "button", id, class: "drop", onclick: () => chooser.click() }, most > 1 ? `Drop, paste or choose up to ${most} files` : "Drop, paste or choose a file");
  const add = (more) => {
    files = [...files, ...more].slice(0, most);
    list.replaceChildren(...files.map(entry));
    field.dispatchEvent(new Event("change"));
  };
  const entry = (file) => {
    const remove = () => ((files = files.filter((one) => one !== file)), add([]));
    return el("li", {}, el("span", {}, file.name, el("small", {}, sizeInWords(file.size))), el("button", { type: "button", class: "icon", "aria-label": `Remove ${file.name}`, onclick: remove }, icon("close", 14)));
  };
  const element = el("div", { class: "upload" }, field, chooser, list);
  chooser.addEventListener("change", () => (add([...chooser.files]), (chooser.value = "")));
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => (event.preventDefault(), add([...event.dataTransfer.files])));
  return { element, field, read: () => files, take: add };
}
