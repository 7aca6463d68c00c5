// Finds what people mean by a few letters.

/**
 * Scores how well letters match a text; they must come in order.
 *
 * @param {string} typed
 * @param {string} text
 * @returns {{score: number, marks: number[]} | null} the places of the letters; null if it does not match
 */
export function fuzzy(typed, text) {
  const wanted = typed.toLowerCase();
  const within = text.toLowerCase();
  if (!wanted) return { score: 0, marks: [] };
  const whole = within.indexOf(wanted);
  if (whole >= 0) {
    const starts = whole === 0 || within[whole - 1] === " ";
    const marks = Array.from(wanted, (_, number) => whole + number);
    return { score: 100 + (starts ? 50 : 0) + (whole === 0 ? 25 : 0) - text.length / 100, marks };
  }
  return scattered(wanted, within);
}

function scattered(wanted, within) {
  const marks = [];
  let score = 0;
  let at = -1;
  for (const letter of wanted) {
    const next = within.indexOf(letter, at + 1);
    if (next < 0) return null;
    const starts = next === 0 || " -_".includes(within[next - 1]);
    score += next === at + 1 ? 6 : starts ? 5 : 1;
    score -= Math.min(next - at - 1, 10) / 4;
    marks.push(next);
    at = next;
  }
  return { score: score - within.length / 100, marks };
}
