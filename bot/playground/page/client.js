// Speaks to the playground: requests with one's persona, and the stream of what happens.

const RETRY_MS = [300, 1000, 2000];

/** One person's line to the playground; the panel beside the chat is given it too. */
export class Client {
  /** @param {string} persona whom one is at first */
  constructor(persona) {
    this.persona = persona;
    this.channelId = null;
    this.started = new Set(); // interactions that this page started, and no other
    this._handlers = new Map();
    this._socket = null;
    this._tries = 0;
  }

  /**
   * Fetches, under the name of the persona.
   *
   * @param {string} path from the root
   * @param {RequestInit} init as fetch takes it
   * @returns {Promise<Response>}
   */
  async request(path, init = {}) {
    const url = new URL(path, location.origin);
    if (!url.searchParams.has("as")) url.searchParams.set("as", this.persona);
    try {
      return await fetch(url, { credentials: "same-origin", ...init });
    } catch {
      throw new Error("The playground does not answer. Is it still running?"); // the browser says "Failed to fetch"
    }
  }

  /** Reads JSON from below /playground/. @param {string} path */
  async get(path) {
    return answered(await this.request(`/playground/${path}`));
  }

  /**
   * Does something; a refusal is thrown with its sentence.
   *
   * @param {string} path below /playground/
   * @param {object} body what is done
   * @param {Array<[string, File]>} files with the names of their fields
   */
  async post(path, body, files = []) {
    const all = JSON.stringify({ persona: this.persona, channel_id: this.channelId, ...body });
    if (!files.length) {
      const headers = { "Content-Type": "application/json" };
      return answered(await this.request(`/playground/${path}`, { method: "POST", body: all, headers }));
    }
    const form = new FormData();
    form.append("payload_json", all);
    for (const [name, file] of files) form.append(name, file, file.name);
    return answered(await this.request(`/playground/${path}`, { method: "POST", body: form }));
  }

  /** Does what starts an interaction; remembers that it is this page's. Returns its id. */
  async start(path, body, files) {
    const { interaction_id: id } = await this.post(path, body, files);
    this.started.add(id);
    this._tell("started", { type: "started", id });
    return id;
  }

  /**
   * Calls a handler with every event of a type; "link" tells of the connection itself.
   *
   * @param {string} type
   * @param {(event: object) => void} handler
   */
  on(type, handler) {
    this._handlers.set(type, [...(this._handlers.get(type) ?? []), handler]);
  }

  _tell(type, event) {
    for (const handler of this._handlers.get(type) ?? []) handler(event);
  }

  /** Opens the stream of events as a persona; it comes back by itself. @param {string} persona */
  watch(persona) {
    this.persona = persona;
    this._socket?.close();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/playground/events?as=${persona}`);
    this._socket = socket;
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this._socket) return;
      const event = JSON.parse(data);
      if (event.type === "hello") this._tries = 0;
      this._tell(event.type, event);
    });
    socket.addEventListener("close", () => {
      if (socket !== this._socket) return;
      this._tell("link", { type: "link", connected: false });
      const wait = RETRY_MS[Math.min(this._tries++, RETRY_MS.length - 1)];
      setTimeout(() => socket === this._socket && this.watch(this.persona), wait);
    });
  }
}

async function answered(response) {
  const text = await response.text();
  let said = null;
  try {
    said = JSON.parse(text);
  } catch {
    if (response.ok) throw new Error("The playground's answer makes no sense.");
  }
  if (!response.ok) throw new Error(said?.error ?? said?.message ?? `The playground answered ${response.status}.`);
  return said;
}
