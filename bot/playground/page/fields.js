// Fields of forms: a command's options, and the controls of a modal.

import { el } from "./dom.js";

const KINDS = { 3: "text", 4: "number", 5: "checkbox", 10: "number", 11: "file" };
let serial = 0;

// A field for one option: { name, element, read() }; read() gives undefined when empty.
export function optionField(option, context) {
  const id = `field-${++serial}`;
  const control = optionControl(option, id, context);
  const optional = option.required ? "" : " (optional)";
  const label = el("label", { for: id }, el("b", {}, option.name), el("span", { class: "quiet" }, optional));
  const hint = el("p", { class: "quiet" }, option.description);
  const element = el("div", { class: "field" }, label, hint, control.element);
  return { name: option.name, option, element, read: control.read };
}

function optionControl(option, id, context) {
  if (option.choices?.length) return choiceControl(option, id, option.choices);
  if ([6, 7, 8, 9].includes(option.type)) return choiceControl(option, id, context.people(option.type));
  if (option.type === 5) {
    return choiceControl(option, id, [{ name: "True", value: true }, { name: "False", value: false }]);
  }
  const input = el("input", {
    id,
    type: KINDS[option.type] ?? "text",
    required: option.required,
    min: option.min_value,
    max: option.max_value,
    step: option.type === 10 ? "any" : undefined,
    minlength: option.min_length,
    maxlength: option.max_length,
    autocomplete: "off",
  });
  if (option.type === 11) return { element: input, read: () => input.files[0] };
  const number = [4, 10].includes(option.type);
  const raw = () => (input.value === "" ? undefined : number ? Number(input.value) : input.value);
  return option.autocomplete ? suggesting(option, input, raw, context) : { element: input, read: raw };
}

function choiceControl(option, id, choices) {
  const made = choices.map((choice, index) => el("option", { value: index }, choice.name));
  made.unshift(el("option", { value: "" }, "—"));
  const select = el("select", { id, required: option.required }, made);
  return { element: select, read: () => choices[select.value]?.value };
}

// A text field whose choices come from the bot while one types.
function suggesting(option, input, raw, context) {
  const list = el("ul", { class: "suggestions", role: "listbox", hidden: true });
  let chosen = null;
  let timer = 0;
  let asked = 0;
  const pick = (choice) => {
    chosen = choice;
    input.value = choice.name;
    list.hidden = true;
  };
  const ask = async () => {
    const mine = ++asked;
    const answer = await context.suggest(option, input.value);
    if (mine !== asked || document.activeElement !== input) return;
    list.replaceChildren(...answer.map((choice) => suggestion(choice, pick)));
    list.hidden = answer.length === 0;
  };
  const later = () => {
    chosen = null;
    clearTimeout(timer);
    timer = setTimeout(ask, 200);
  };
  input.addEventListener("input", later);
  input.addEventListener("focus", later);
  input.addEventListener("blur", () => (list.hidden = true)); // a press on it takes no focus
  input.addEventListener("keydown", (event) => walkList(event, list));
  input.setAttribute("role", "combobox");
  const read = () => (chosen && chosen.name === input.value ? chosen.value : raw());
  return { element: el("div", { class: "suggesting" }, input, list), read };
}

function suggestion(choice, pick) {
  const press = (event) => {
    event.preventDefault();
    pick(choice);
  };
  return el("li", { role: "option", onmousedown: press, onpick: press }, choice.name);
}

// Arrow keys walk a list beside a field; Enter takes what is marked.
export function walkList(event, list) {
  const items = [...list.children];
  if (list.hidden || !items.length) return;
  const at = items.findIndex((item) => item.classList.contains("marked"));
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    items[at]?.classList.remove("marked");
    const next = items[(at + step + items.length) % items.length];
    next.classList.add("marked");
    next.scrollIntoView({ block: "nearest" });
  } else if (event.key === "Enter" && at >= 0) {
    event.preventDefault();
    items[at].dispatchEvent(new Event("pick", { cancelable: true }));
  } else if (event.key === "Escape") {
    list.hidden = true;
  }
}

// The fields of a modal: { element, custom_id, read() }.
export function modalFields(modal, context) {
  return modal.components.map((part) => {
    if (part.type === 10) return { element: el("p", {}, part.content), custom_id: null };
    const control = part.type === 18 ? part.component : part.components[0];
    const label = part.label ?? control.label;
    return modalField(control, label, part.description, context);
  });
}

function modalField(control, label, description, context) {
  const id = `field-${++serial}`;
  const { element, read } = modalControl(control, id, context);
  const hint = description ? el("p", { class: "quiet" }, description) : null;
  const made = el("div", { class: "field" }, el("label", { for: id }, el("b", {}, label)), hint, element);
  return { element: made, custom_id: control.custom_id, read };
}

function modalControl(control, id, context) {
  const required = control.required !== false;
  const { min_length: minlength, max_length: maxlength, placeholder } = control;
  const most = control.max_values ?? 1;
  if (control.type === 4) {
    const tag = control.style === 2 ? "textarea" : "input";
    const input = el(tag, { id, required, minlength, maxlength, placeholder, rows: 4 });
    input.value = control.value ?? "";
    return { element: input, read: () => input.value };
  }
  if (control.type === 19) {
    const input = el("input", { id, type: "file", required, multiple: most > 1 });
    return { element: input, read: () => [...input.files] };
  }
  if (control.type === 23) {
    const input = el("input", { id, type: "checkbox" });
    input.checked = Boolean(control.default);
    return { element: input, read: () => input.checked };
  }
  const options = (control.options ?? context.selectable(control.type)).map((option) =>
    el("option", { value: option.value, selected: option.default }, option.label),
  );
  const multiple = most > 1 || control.type === 22;
  if (!required && !multiple) options.unshift(el("option", { value: "" }, "—"));
  const select = el("select", { id, required, multiple }, options);
  const picked = () => [...select.selectedOptions].map((option) => option.value).filter(Boolean);
  return { element: select, read: () => (control.type === 21 ? picked()[0] : picked()) };
}
