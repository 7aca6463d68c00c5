// Pictures and files of messages: galleries, alt texts, spoilers, the large view.

import { icon } from "./art.js";
import { el, find, openDialog, safeLink, sizeInWords } from "./dom.js";

/**
 * Shows the files of a message: pictures as a gallery, the rest below.
 *
 * @param {Array<object>} files attachments
 */
export function showFiles(files) {
  const isPicture = (file) => (file.content_type ?? "").startsWith("image/") && file.width;
  const pictures = files.filter(isPicture).map((file) => ({ media: file, description: file.description, spoiler: isHidden(file) }));
  return [gallery(pictures), ...files.filter((file) => !isPicture(file)).map((file) => showFile(file))];
}

const isHidden = (file) => file.filename.startsWith("SPOILER_");

/** Shows pictures side by side. @param {Array<{media: object, description?: string, spoiler?: boolean}>} items */
export function gallery(items) {
  if (!items.length) return null;
  const few = Math.min(items.length, 3);
  const kind = items.length === 4 ? "two" : ["", "one", "two", "three"][few];
  const made = el("div", { class: `gallery ${kind}` }, items.map((item) => picture(item.media, item.description, item.spoiler)));
  const { width, height } = items[0].media;
  if (width && height) made.style.setProperty("--ratio", Math.min(Math.max(width / height, 0.75), 1.6));
  return made;
}

/**
 * Shows one picture with its alt text.
 *
 * @param {{url: string, width?: number, height?: number}} media
 * @param {string} [description] alt text
 * @param {boolean} [hidden] behind a spoiler
 */
export function picture(media, description, hidden = false) {
  const src = safeLink(media.url);
  const { width, height } = media;
  const alt = description ?? "";
  const image = el("img", { src, alt, width, height, loading: "lazy", decoding: "async", "data-small": width && width < 128 });
  const look = (event) => (event.preventDefault(), enlarge(src, description));
  const label = `Look at the picture${description ? `: ${description}` : ""}`;
  const open = el("a", { href: src, class: "picture", "aria-label": label, onclick: look }, image);
  const made = el("figure", {}, open);
  if (description) made.append(...alternative(description));
  if (hidden) cover(made);
  return made;
}

function alternative(description) {
  const caption = el("figcaption", { hidden: true }, description);
  const badge = el("button", { type: "button", class: "alt", title: description, "aria-label": "Alternative text", "aria-expanded": "false" }, "ALT");
  badge.addEventListener("click", () => {
    caption.hidden = !caption.hidden;
    badge.setAttribute("aria-expanded", String(!caption.hidden));
  });
  return [badge, caption];
}

/** Hides a figure or a container behind a button. @param {HTMLElement} made */
export function cover(made) {
  made.classList.add("covered");
  for (const child of made.children) child.inert = true;
  const show = (event) => {
    event.stopPropagation();
    made.classList.replace("covered", "uncovered");
    button.remove();
    for (const child of made.children) child.inert = false;
  };
  const button = el("button", { type: "button", class: "cover", onclick: show }, "Spoiler");
  made.append(button);
}

function enlarge(src, description) {
  const box = find("lightbox");
  const close = el("button", { type: "button", class: "icon", "aria-label": "Close", onclick: () => box.close() }, icon("close"));
  const original = el("a", { href: src, target: "_blank", rel: "noopener" }, "Open the original");
  const image = el("img", { src, alt: description ?? "" });
  box.replaceChildren(image, el("p", {}, description ?? "", " ", original), close);
  box.onclick = (event) => event.target === box && box.close();
  openDialog(box);
}

/**
 * Shows a file that is no picture.
 *
 * @param {object} file filename, size, url, content_type, description
 * @param {boolean} [hidden] behind a spoiler
 */
export function showFile(file, hidden = isHidden(file)) {
  const href = safeLink(file.url);
  const kind = file.content_type ?? "";
  if (kind.startsWith("audio/")) return el("audio", { controls: true, src: href, "aria-label": file.filename });
  if (kind.startsWith("video/")) return el("video", { controls: true, src: href, "aria-label": file.description ?? file.filename });
  const about = [file.size === undefined ? null : sizeInWords(file.size), file.description].filter(Boolean).join(" · ");
  const name = el("a", { href, download: file.filename }, file.filename);
  const made = el("div", { class: "file" }, icon("file", 28), el("div", {}, name, el("small", {}, about)));
  if (hidden) cover(made);
  return made;
}
