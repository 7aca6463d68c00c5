// Shows messages: text, embeds, files, components. `act` is what a person may do with them.

import { el, safeLink, sizeInWords } from "./dom.js";
import { markdown } from "./markdown.js";

const BUTTON_STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link" };

export function showMessage(message, act) {
  const bot = message.author.bot;
  const classes = ["message", message.ephemeral && "ephemeral", message.flash && "flash"];
  return el(
    "li",
    {
      class: classes.filter(Boolean).join(" "),
      "data-id": message.id,
      oncontextmenu: (event) => act.openMessageMenu(event, message),
    },
    el("img", { class: "avatar", src: avatar(message.author), alt: "", width: 40, height: 40 }),
    el(
      "div",
      { class: "body" },
      origin(message),
      head(message, bot, act),
      message.thinking
        ? el("p", { class: "thinking" }, `${message.author.global_name} is thinking`)
        : el("div", { class: "text" }, markdown(message.content, act.names)),
      message.embeds.map((embed) => showEmbed(embed, act)),
      showFiles(shownBelow(message)),
      showComponents(message.components, message, act),
      showReactions(message, act),
      message.ephemeral ? note(message, act) : null,
    ),
  );
}

export function avatar(user) {
  return `/avatars/${user.id}/${user.avatar}.png`;
}

function origin(message) {
  const asked = message.interaction_metadata;
  if (message.referenced_message) {
    const answered = message.referenced_message;
    const words = answered.content.slice(0, 80) || "a file";
    return el("p", { class: "quiet" }, `↪ ${answered.author.global_name}: ${words}`);
  }
  if (!asked?.name || ![20, 23].includes(message.type)) return null;
  const name = message.type === 20 ? `/${asked.name}` : asked.name;
  return el("p", { class: "quiet" }, `${asked.user.global_name} used `, el("b", {}, name));
}

function head(message, bot, act) {
  const made = new Date(message.timestamp);
  const clock = made.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return el(
    "p",
    { class: "head" },
    el(
      "button",
      { class: "name", onclick: (event) => act.openUserMenu(event, message.author) },
      message.author.global_name,
    ),
    bot ? el("span", { class: "tag" }, "APP") : null,
    el("time", { class: "quiet", datetime: message.timestamp, title: made.toLocaleString() }, clock),
    message.edited_timestamp ? el("span", { class: "quiet" }, "(edited)") : null,
    el(
      "button",
      {
        class: "more",
        "aria-label": "Apps and more for this message",
        "aria-haspopup": "menu",
        onclick: (event) => act.openMessageMenu(event, message),
      },
      "⋯",
    ),
  );
}

function note(message, act) {
  return el(
    "p",
    { class: "quiet note" },
    "Only you can see this · ",
    el("button", { class: "plain", onclick: () => act.remove(message) }, "Dismiss message"),
  );
}

// Files that a message of components places itself are not shown twice.
function shownBelow(message) {
  const text = JSON.stringify(message.components);
  return message.attachments.filter((file) => !text.includes(file.url));
}

function showFiles(files) {
  return files.length ? el("div", { class: "files" }, files.map(showFile)) : null;
}

export function showFile(file) {
  const kind = file.content_type ?? "";
  if (kind.startsWith("image/") && file.width) return picture(file, file.description);
  if (kind.startsWith("audio/")) return el("audio", { controls: true, src: file.url });
  const text = el("a", { href: safeLink(file.url), download: file.filename }, file.filename);
  const about = file.description ? ` · ${file.description}` : "";
  return el("p", { class: "file" }, "📄 ", text, el("span", { class: "quiet" }, ` ${sizeInWords(file.size)}${about}`));
}

function picture(media, description) {
  const src = safeLink(media.url);
  const { width, height } = media;
  const image = el("img", { src, alt: description ?? "", title: description, width, height, loading: "lazy" });
  const opened = el("a", { href: src, target: "_blank", rel: "noopener" }, image);
  if (!description) return el("figure", {}, opened);
  const badge = el("button", { class: "alt", title: description, "aria-label": "Alternative text" }, "ALT");
  const caption = el("figcaption", { hidden: true }, description);
  badge.addEventListener("click", () => (caption.hidden = !caption.hidden));
  return el("figure", {}, opened, badge, caption);
}

function showEmbed(embed, act) {
  const made = el(
    "article",
    { class: "embed" },
    embed.author ? el("p", { class: "quiet" }, embed.author.name) : null,
    embed.title ? el("p", { class: "title" }, titled(embed)) : null,
    embed.description ? el("div", { class: "text" }, markdown(embed.description, act.names)) : null,
    embed.fields?.length ? el("dl", {}, embed.fields.map((field) => showField(field, act))) : null,
    embed.image ? picture(embed.image, embed.image.description) : null,
    embed.thumbnail ? picture(embed.thumbnail) : null,
    embed.footer ? el("p", { class: "quiet" }, embed.footer.text) : null,
  );
  if (embed.color) made.style.borderLeftColor = `#${embed.color.toString(16).padStart(6, "0")}`;
  return made;
}

function titled(embed) {
  const href = embed.url ? safeLink(embed.url) : null;
  return href ? el("a", { href, target: "_blank", rel: "noopener noreferrer" }, embed.title) : embed.title;
}

function showField(field, act) {
  return el(
    "div",
    { class: field.inline ? "inline" : "" },
    el("dt", {}, markdown(field.name, act.names)),
    el("dd", {}, markdown(field.value, act.names)),
  );
}

function showReactions(message, act) {
  if (!message.reactions?.length) return null;
  const one = (reaction) =>
    el(
      "button",
      { class: "reaction", onclick: () => act.react(message, reaction.emoji.name) },
      `${reaction.emoji.name} ${reaction.count}`,
    );
  return el("div", { class: "row" }, message.reactions.map(one));
}

// -- components ------------------------------------------------------------------------

function showComponents(components, message, act) {
  return components.map((component) => showComponent(component, message, act));
}

function showComponent(component, message, act) {
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
      return el("div", { class: "section" }, el("div", {}, inside()), showComponent(component.accessory, message, act));
    case 10:
      return el("div", { class: "text" }, markdown(component.content, act.names));
    case 11:
      return picture(component.media, component.description);
    case 12:
      return el("div", { class: "files" }, component.items.map((item) => picture(item.media, item.description)));
    case 13:
      return showFile({ ...component.file, filename: component.name, size: component.size });
    case 14:
      return el("hr");
    case 17:
      return el("article", { class: "embed" }, inside());
    default:
      return el("p", { class: "quiet" }, `A component of type ${component.type}.`);
  }
}

function button(component, message, act) {
  const words = [component.emoji?.name, component.label].filter(Boolean).join(" ");
  const style = BUTTON_STYLES[component.style] ?? "secondary";
  if (component.style === 5) {
    const href = safeLink(component.url);
    return el("a", { class: "button link", href, target: "_blank", rel: "noopener noreferrer" }, words, " ↗");
  }
  const press = () => act.use(message, component.custom_id);
  return el("button", { class: `button ${style}`, disabled: component.disabled, onclick: press }, words);
}

function select(component, message, act) {
  const options = component.options ?? act.selectable(component.type);
  const most = component.max_values ?? 1;
  const choices = options.map((option) =>
    el("option", { value: option.value, selected: option.default, title: option.description }, option.label),
  );
  const label = component.placeholder ?? "Make a selection";
  if (most === 1) choices.unshift(el("option", { value: "", disabled: true, selected: !options.some((o) => o.default) }, label));
  const made = el("select", { "aria-label": label, disabled: component.disabled, multiple: most > 1 }, choices);
  const send = () => act.use(message, component.custom_id, [...made.selectedOptions].map((o) => o.value));
  if (most === 1) {
    made.addEventListener("change", send);
    return made;
  }
  return el("span", { class: "row" }, made, el("button", { class: "button secondary", onclick: send }, "Choose"));
}
