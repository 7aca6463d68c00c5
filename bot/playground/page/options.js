// What a command's options take, checked as Discord's client checks it. No elements in here.

export const [STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT] = [3, 4, 5, 6, 7, 8, 9, 10, 11];
const KINDS = { 3: "text", 4: "whole number", 5: "true or false", 6: "person", 7: "channel", 8: "role", 9: "person or role", 10: "number", 11: "file" };
const STRING_LIMIT = 6000;

/** Says a name or description in the persona's language, if the bot gave it in that. */
export function localised(thing, key, locale) {
  return thing[`${key}_localizations`]?.[locale] ?? thing[key];
}

/** Says what an option takes, in a few words. @param {object} option */
export function kindInWords(option) {
  const bounds = [];
  if (option.type === STRING && (option.min_length || option.max_length)) bounds.push(range(option.min_length, option.max_length, " characters"));
  if (option.min_value !== undefined || option.max_value !== undefined) bounds.push(range(option.min_value, option.max_value, ""));
  return [KINDS[option.type] ?? "value", ...bounds].join(", ");
}

function range(low, high, unit) {
  if (low === undefined || low === null) return `at most ${high}${unit}`;
  if (high === undefined || high === null) return `at least ${low}${unit}`;
  return low === high ? `${low}${unit}` : `${low} to ${high}${unit}`;
}

/**
 * Checks what was typed into an option.
 *
 * @param {object} option as the bot published it
 * @param {string} typed
 * @returns {{value?: unknown, error?: string}} neither for an option that was left empty
 */
export function check(option, typed) {
  if (typed === "") return option.required ? { error: "This option is required." } : {};
  if (option.choices?.length) return checkChoice(option.choices, typed);
  if (option.type === INTEGER || option.type === NUMBER) return checkNumber(option, typed);
  if (option.type === STRING) return checkText(option, typed);
  return { error: `This must be a ${KINDS[option.type] ?? "known value"}.` };
}

function checkChoice(choices, typed) {
  const found = choices.find((choice) => choice.name.toLowerCase() === typed.trim().toLowerCase());
  return found ? { value: found.value } : { error: "Choose one of the suggestions." };
}

function checkNumber(option, typed) {
  const number = Number(typed);
  const whole = option.type === INTEGER;
  if (!typed.trim() || !Number.isFinite(number) || (whole && !Number.isInteger(number))) return { error: `This must be a ${KINDS[option.type]}.` };
  const { min_value: low, max_value: high } = option;
  if ((low !== undefined && number < low) || (high !== undefined && number > high)) return { error: `This must be ${range(low, high, "")}.` };
  if (Math.abs(number) > Number.MAX_SAFE_INTEGER) return { error: "This number is too large." };
  return { value: number };
}

function checkText(option, typed) {
  const [low, high] = [option.min_length ?? 0, option.max_length ?? STRING_LIMIT];
  const length = [...typed].length;
  return low <= length && length <= high ? { value: typed } : { error: `This must have ${range(low, high, " characters")}; it has ${length}.` };
}

/**
 * Lists every way to use a command: subcommands are entries of their own.
 *
 * @param {Array<object>} commands
 * @param {string} locale
 * @returns {Array<{words: string, shown: string, description: string, options: Array<object>}>}
 */
export function entriesOf(commands, locale) {
  const all = [];
  const add = (words, shown, thing) => {
    const inner = (thing.options ?? []).filter((option) => option.type <= 2);
    for (const option of inner) add(`${words} ${option.name}`, `${shown} ${localised(option, "name", locale)}`, option);
    if (!inner.length) all.push({ words, shown, description: localised(thing, "description", locale), options: thing.options ?? [] });
  };
  for (const command of commands.filter((one) => one.type === 1)) add(command.name, localised(command, "name", locale), command);
  return all.sort((a, b) => a.shown.localeCompare(b.shown));
}

/**
 * Reads a whole command that was typed or pasted, such as "/complete text:Once seed:3".
 *
 * @param {string} text
 * @param {Array<object>} entries
 * @returns {{entry: object, values: Record<string, string>} | null} null while no command is whole
 */
export function readCommand(text, entries) {
  const names = (entry) => [entry.words, entry.shown];
  const fits = entries.filter((entry) => names(entry).some((name) => `${text} `.startsWith(`/${name} `) && text.length > name.length + 1));
  const entry = fits.sort((a, b) => b.words.length - a.words.length)[0];
  if (!entry) return null;
  const name = names(entry).find((one) => text.startsWith(`/${one} `));
  const rest = text.slice(name.length + 2);
  const known = new Set(entry.options.map((option) => option.name));
  const marks = [...rest.matchAll(/(?:^|\s)([^\s:]+):\s?/g)].filter((found) => known.has(found[1]));
  const values = {};
  marks.forEach((found, number) => {
    values[found[1]] = rest.slice(found.index + found[0].length, marks[number + 1]?.index).trim();
  });
  const first = entry.options.find((option) => option.type === STRING);
  if (!marks.length && rest.trim() && first) values[first.name] = rest.trim();
  return { entry, values };
}
