// The page's own drawings: faces of animals for people, and the icons of buttons.

const SVG = "http://www.w3.org/2000/svg";

function draw(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Each animal: ground, fur, and its ears as a path on a field of 40 by 40.
const ANIMALS = [
  { ground: "#2f6f62", fur: "#f2c14e", ears: "M9 17c-4-3-4-9 1-9 4 0 6 3 6 6zM31 17c4-3 4-9-1-9-4 0-6 3-6 6z", mane: true },
  { ground: "#b4562f", fur: "#ffd9b0", ears: "M9 20 9 6l9 7zM31 20 31 6l-9 7z" },
  { ground: "#4a5fae", fur: "#d9e2ff", ears: "M14 16C9 10 10 2 13 2s5 7 5 12zM26 16c5-6 4-14 1-14s-5 7-5 12z" },
  { ground: "#7a4a8c", fur: "#ecd6f5", ears: "M11 14a5 5 0 1 1 5-6zM29 14a5 5 0 1 0-5-6z" },
  { ground: "#39779b", fur: "#cfeaf7", ears: "M8 12l8 0-3 6zM32 12l-8 0 3 6z" },
  { ground: "#8a6a1f", fur: "#f6e7b9", ears: "M7 16c-5 2-6 10-2 13 3 0 5-6 6-9zM33 16c5 2 6 10 2 13-3 0-5-6-6-9z" },
];

/**
 * Draws somebody's face: of the bot the lion, of people one of the other animals.
 *
 * @param {{id: string, bot?: boolean}} user
 * @param {number} size in pixels
 * @returns {SVGElement}
 */
export function face(user, size = 40) {
  const number = user.bot ? 0 : 1 + (Number(user.id.slice(-4)) + 4) % (ANIMALS.length - 1);
  const { ground, fur, ears, mane } = ANIMALS[number];
  const ink = "#26201c";
  const parts = [draw("rect", { width: 40, height: 40, rx: 20, fill: ground })];
  if (mane) parts.push(draw("circle", { cx: 20, cy: 22, r: 15, fill: "#b8692b" }));
  parts.push(
    draw("path", { d: ears, fill: fur }),
    draw("ellipse", { cx: 20, cy: 23, rx: 11, ry: 10.5, fill: fur }),
    draw("circle", { cx: 15.7, cy: 21, r: 1.7, fill: ink }),
    draw("circle", { cx: 24.3, cy: 21, r: 1.7, fill: ink }),
    draw("path", { d: "M18 25.4h4L20 27.6z", fill: ink }),
    draw("path", { d: "M20 27.4c0 2.2-3.4 2.6-4.2.9M20 27.4c0 2.2 3.4 2.6 4.2.9", fill: "none", stroke: ink, "stroke-width": 1, "stroke-linecap": "round" }),
  );
  return draw("svg", { viewBox: "0 0 40 40", width: size, height: size, class: "avatar", "aria-hidden": "true" }, ...parts);
}

const ICONS = {
  menu: "M4 6h16M4 12h16M4 18h16",
  panel: "M4 5h16v14H4zM14 5v14",
  plus: "M12 5v14M5 12h14",
  send: "M4 12 20 5l-5 15-3-6z",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  reply: "M10 6 4 12l6 6M4 12h9c4 0 7 2 7 6",
  smile: "M12 3a9 9 0 1 0 .01 0M9 10h.01M15 10h.01M8.5 14c1.5 2.6 5.500 2.600 7 0",
  close: "M6 6l12 12M18 6 6 18",
  file: "M7 3h7l4 4v14H7zM14 3v5h4",
  light: "M12 8a4 4 0 1 0 .01 0M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.500 1.500M17.500 17.500 19 19M19 5l-1.500 1.500M6.500 17.500 5 19",
  dark: "M20 14A8.500 8.500 0 1 1 10 4a7 7 0 0 0 10 10z",
  auto: "M12 3a9 9 0 1 0 .01 0M12 3v18",
  pencil: "M5 19l1-4L16 5l3 3L9 18zM14 7l3 3",
  people: "M9 11a3.500 3.500 0 1 0-.01 0M3 19c0-3 2.500-5 6-5s6 2 6 5M16 5a3 3 0 0 1 0 6M17 14c2.500.500 4 2.500 4 5",
  hash: "M9 4 7 20M17 4l-2 16M4 9h16M4 15h16",
  slash: "M15 4 9 20",
};

/** Draws an icon of a button. @param {keyof ICONS} name @param {number} size in pixels */
export function icon(name, size = 20) {
  const path = draw("path", { d: ICONS[name], fill: "none", stroke: "currentColor", "stroke-width": name === "more" ? 3 : 1.8, "stroke-linecap": "round", "stroke-linejoin": "round" });
  return draw("svg", { viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true" }, path);
}
