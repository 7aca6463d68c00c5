// The list of messages. Only those near the screen are elements; the others are two pads of the
// height that they would have. Whatever happens within one frame is drawn once.

import { find } from "./dom.js";
import { showMessage } from "./message.js";

const NEAR_END_PX = 48;
const GUESS_PX = 56;
const PAGE = 200;

/** Which of two ids is the later one; ids are too long for numbers. */
export const isLater = (id, than) => (id.length === than.length ? id > than : id.length > than.length);

/** The messages of one channel, as they are now. */
export class Timeline {
  /**
   * @param {import("./message.js").Acts} act what a person may do with messages
   * @param {(before: string, limit: number) => Promise<Array<object>>} older asks for earlier messages
   */
  constructor(act, older) {
    this.act = act;
    this.older = older;
    this.messages = [];
    this.scroll = find("scroll");
    this.list = find("messages");
    this._heights = new Map();
    this._drawn = new Map(); // entries of the list by id: {element, message, before}
    this._waiting = new Map(); // messages that came since the last frame; null for one that went
    this._stuck = true; // to the newest message
    this._top = 0; // where it was scrolled to
    this._more = false;
    this._held = false;
    this._asking = false;
    this._frame = 0;
    this.scroll.addEventListener("scroll", () => this._scrolled(), { passive: true });
    this.list.addEventListener("keydown", (event) => this._steer(event));
    new ResizeObserver(() => this._schedule()).observe(this.list);
    new ResizeObserver(() => this._schedule()).observe(this.scroll);
    find("present").addEventListener("click", () => this.toEnd());
  }

  /** Keeps what comes from now on for the messages of another channel, which are on their way. */
  hold() {
    this._held = true;
    this._waiting.clear();
  }

  /** Shows other messages, oldest first. @param {Array<object>} messages the newest of a channel */
  reset(messages) {
    this.messages = messages;
    this._more = messages.length >= PAGE;
    this._heights.clear();
    this._drawn.clear();
    this._held = false;
    this.list.replaceChildren();
    this.toEnd();
    this._draw();
  }

  /** How many messages are asked for at once. */
  get page() {
    return PAGE;
  }

  /** Adds or changes a message with the next frame. @param {object} message */
  put(message) {
    this._waiting.set(message.id, message);
    this._schedule();
  }

  /** Takes a message away with the next frame. @param {string} id */
  remove(id) {
    this._waiting.set(id, null);
    this._schedule();
  }

  /** Finds a message that has been loaded. @param {string} id */
  get(id) {
    return this._waiting.get(id) ?? this.messages[this._place(id).at];
  }

  /** Shows a message anew, at once. @param {string} id */
  refresh(id) {
    const message = this.get(id);
    if (message?.id === id) this.put({ ...message });
    this._draw();
  }

  /** Goes to a message that is too far away to be an element now. @param {string} id */
  reveal(id) {
    const { at, there } = this._place(id);
    if (!there || this._drawn.has(id)) return;
    let above = 0;
    for (let number = 0; number < at; number++) above += this._height(number);
    this._stuck = false;
    this.scroll.scrollTop = above - this.scroll.clientHeight / 2;
    this._draw();
  }

  /** Finds the newest message of a kind among those that have been loaded. @param {(message: object) => boolean} kind */
  newest(kind) {
    return this.messages.findLast(kind);
  }

  /** Gives the focus to a message. @param {string} id */
  focus(id) {
    (this._drawn.get(id)?.element ?? this.scroll).focus();
  }

  /** Whether the newest message is in view. */
  get atEnd() {
    return this._stuck;
  }

  /** Goes to the newest message and stays there. */
  toEnd() {
    this._stuck = true;
    find("present").hidden = true;
    this._schedule();
  }

  // -- what changes ----------------------------------------------------------------------

  _place(id) {
    let [low, high] = [0, this.messages.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isLater(id, this.messages[middle].id)) low = middle + 1;
      else high = middle;
    }
    return { at: low, there: this.messages[low]?.id === id };
  }

  _apply() {
    if (this._held) return;
    for (const [id, message] of this._waiting) {
      const { at, there } = this._place(id);
      if (message === null) {
        if (there) this.messages.splice(at, 1);
      } else if (there) this.messages[at] = message;
      else if (at > 0 || !this._more) {
        if (!this._stuck) find("present").hidden = false;
        this.messages.splice(at, 0, message);
      }
    }
    this._waiting.clear();
  }

  async _askOlder() {
    if (!this._more || this._asking || !this.messages.length) return;
    this._asking = true;
    const oldest = this.messages[0].id;
    try {
      const found = await this.older(oldest, PAGE);
      if (this.messages[0]?.id !== oldest) return; // another channel by now
      this._more = found.length >= PAGE;
      this.messages = [...found, ...this.messages];
    } finally {
      this._asking = false;
      this._schedule();
    }
  }

  // -- what is drawn ---------------------------------------------------------------------

  _schedule() {
    this._frame ||= requestAnimationFrame(() => this._draw());
  }

  _scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroll;
    const up = scrollTop < this._top; // else it only grew below, as when a picture has come
    this._stuck = scrollHeight - scrollTop - clientHeight < NEAR_END_PX || (this._stuck && !up);
    this._top = scrollTop;
    if (this._stuck) find("present").hidden = true;
    this._schedule();
  }

  _draw() {
    cancelAnimationFrame(this._frame);
    this._frame = 0;
    this._apply();
    const anchor = this._stuck ? null : this._anchor();
    const [first, last] = this._range();
    this._patch(first, last);
    this._measure(first, last);
    if (this._stuck) this.scroll.scrollTop = this.scroll.scrollHeight;
    else if (anchor?.element.isConnected) this.scroll.scrollTop += anchor.element.getBoundingClientRect().top - anchor.top;
    this._top = this.scroll.scrollTop;
    find("empty").hidden = this.messages.length > 0;
    if (this.scroll.scrollTop < this.scroll.clientHeight * 2) this._askOlder();
  }

  // The first entry on the screen: whatever changes above it, it stays where it is.
  _anchor() {
    const edge = this.scroll.getBoundingClientRect().top;
    for (const element of this.list.children) {
      const box = element.getBoundingClientRect();
      if (box.bottom > edge && this._place(element.dataset.id).there) return { element, top: box.top };
    }
    return null;
  }

  _height(number) {
    return this._heights.get(this.messages[number].id) ?? this._guess ?? GUESS_PX;
  }

  // Which messages are on the screen, with a screen more on either side.
  _range() {
    const view = this.scroll.clientHeight || 800;
    const count = this.messages.length;
    if (this._stuck) {
      let first = count;
      for (let sum = 0; first > 0 && sum < view * 2; ) sum += this._height(--first);
      return [first, count];
    }
    const [from, to] = [this.scroll.scrollTop - view, this.scroll.scrollTop + view * 2];
    let [top, first] = [0, 0];
    while (first < count - 1 && top + this._height(first) < from) top += this._height(first++);
    let last = first;
    while (last < count && top < to) top += this._height(last++);
    return [first, last];
  }

  _patch(first, last) {
    const focus = document.activeElement;
    const wanted = new Map();
    for (let number = first; number < last; number++) {
      const [message, before] = [this.messages[number], this.messages[number - 1] ?? null];
      const drawn = this._drawn.get(message.id);
      const same = drawn?.message === message && drawn.before === before?.id;
      wanted.set(message.id, same ? drawn : this._redraw(message, before, drawn, focus));
    }
    for (const [id, { element }] of this._drawn) {
      if (wanted.has(id)) continue;
      if (element.contains(focus)) this.scroll.focus({ preventScroll: true });
      element.remove();
    }
    let next = this.list.firstElementChild;
    for (const { element } of wanted.values()) {
      if (element === next) next = next.nextElementSibling;
      else this.list.insertBefore(element, next);
    }
    this._drawn = wanted;
    if (focus !== document.activeElement && this.list.contains(focus)) focus.focus({ preventScroll: true }); // it went to a new entry
    if (!this.list.querySelector('li[tabindex="0"]')) this.list.lastElementChild?.setAttribute("tabindex", "0");
    this.list.firstElementChild?.setAttribute("aria-posinset", String(first + 1));
  }

  _redraw(message, before, drawn, focus) {
    const element = showMessage(message, before, this.act);
    if (!drawn) return { element, message, before: before?.id };
    keepPictures(drawn.element, element);
    keepShown(drawn.element, element);
    const key = drawn.element.contains(focus) ? (focus.closest("[data-key]")?.dataset.key ?? "") : null;
    element.tabIndex = drawn.element.tabIndex;
    drawn.element.replaceWith(element);
    if (key !== null) (key ? element.querySelector(`[data-key="${CSS.escape(key)}"]`) ?? element : element).focus({ preventScroll: true });
    return { element, message, before: before?.id };
  }

  _measure(first, last) {
    let sum = 0;
    for (const [id, { element }] of this._drawn) {
      const height = element.offsetHeight;
      this._heights.set(id, height);
      sum += height;
    }
    if (last > first) this._guess = this._guess ? this._guess * 0.9 + (sum / (last - first)) * 0.1 : sum / (last - first);
    const pad = (from, to) => {
      let height = 0;
      for (let number = from; number < to; number++) height += this._height(number);
      return `${Math.round(height)}px`;
    };
    find("above").style.height = pad(0, first);
    find("below").style.height = pad(last, this.messages.length);
  }

  // Arrow keys go from message to message; Enter opens what can be done with one.
  _steer(event) {
    const entry = event.target;
    if (!entry.matches("li[data-id]")) return;
    const next = { ArrowUp: entry.previousElementSibling, ArrowDown: entry.nextElementSibling }[event.key];
    if (next) {
      event.preventDefault();
      entry.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    } else if (event.key === "Enter") {
      event.preventDefault(); // else the menu's first entry would take the key too
      entry.querySelector('[data-key="more"]').click();
    }
  }
}

// A picture that is there already is not loaded and decoded again.
function keepPictures(before, after) {
  const old = new Map([...before.querySelectorAll("figure img")].map((image) => [image.src, image]));
  for (const image of after.querySelectorAll("figure img")) {
    const kept = old.get(image.src);
    if (kept?.complete && kept.alt === image.alt) image.replaceWith(kept);
  }
}

// What a person has uncovered stays so while it says the same, or only grows as it is written.
function keepShown(before, after) {
  const old = [...before.querySelectorAll(".spoiler")];
  const shown = old.map((one) => (one.classList.contains("shown") ? one.textContent : null));
  for (const [number, one] of [...after.querySelectorAll(".spoiler")].entries()) {
    const grown = shown[number] && one.textContent.startsWith(shown[number]);
    if (grown || (one.textContent && shown.includes(one.textContent))) one.click();
  }
  const held = (one) => one.querySelector("img, a[download]")?.getAttribute(one.querySelector("img") ? "src" : "href");
  const seen = new Set([...before.querySelectorAll(".uncovered")].map(held).filter(Boolean));
  for (const one of after.querySelectorAll(".covered")) if (seen.has(held(one))) one.querySelector(":scope > .cover").click();
}
