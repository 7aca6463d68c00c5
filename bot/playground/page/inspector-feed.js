// The panel's own socket: batches of entries and states, for as long as the page is open.

const AGAIN_MS = 1000;

/**
 * Opens the feed and opens it again whenever it ends.
 *
 * @param {(batch: object) => void} take told of each batch; `now` in it is the playground's time
 * @param {(connected: boolean) => void} tell told when the connection comes and goes
 * @returns {{close: () => void}}
 */
export function openFeed(take, tell) {
  let socket = null;
  let closed = false;
  let waiting = 0;

  function open() {
    const url = new URL("/playground/panel/events", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    socket = new WebSocket(url);
    let first = true;
    socket.onopen = () => tell(true);
    socket.onmessage = ({ data }) => {
      take({ ...JSON.parse(data), first });
      first = false;
    };
    socket.onclose = () => {
      if (closed) return;
      tell(false);
      waiting = setTimeout(open, AGAIN_MS);
    };
  }

  open();
  return {
    close() {
      closed = true;
      clearTimeout(waiting);
      socket.close();
    },
  };
}
