// The line to the stream: says hello, comes back by itself, tells how it stands.

const FIRST_DELAY = 500; // ms
const LONGEST_DELAY = 20_000; // ms
const SILENCE = 60_000; // ms; the server speaks at least every 25 s
const STEADY = 5_000; // ms; a line that held this long starts over with short delays

/** Close codes after which it makes no sense to come back. */
const FINAL = { 4401: "signed-out", 4403: "refused" };

/**
 * A WebSocket that stays.
 *
 * `hello()` gives the fields of the first message, `onFrame(frame)` takes what comes, `onState(state, seconds)` hears
 * "connecting", "live", "degraded" (live, but told late), "offline" (with the seconds until the next try), "signed-out"
 * or "refused".
 */
export class Line {
  #socket = null;
  #delay = FIRST_DELAY;
  #timer = 0;
  #silence = 0;
  #openedAt = 0;
  #stopped = false;

  constructor(url, { hello, onFrame, onState }) {
    this.url = url;
    this.hello = hello;
    this.onFrame = onFrame;
    this.onState = onState;
    addEventListener("online", () => this.#now());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#now();
    });
  }

  start() {
    this.#stopped = false;
    this.#connect();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#socket?.close();
  }

  /** Drop the line and take it up at once, from the cursor that is known. */
  again() {
    this.#delay = FIRST_DELAY;
    this.#socket?.close(4000);
  }

  #connect() {
    clearTimeout(this.#timer);
    this.onState("connecting");
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#openedAt = Date.now();
      this.#heard();
      socket.send(JSON.stringify({ type: "hello", ...this.hello() }));
    };
    socket.onmessage = ({ data }) => {
      this.#heard();
      const frame = JSON.parse(data);
      if (frame.type === "ready") this.onState("live");
      if (frame.type === "delivery") this.onState(frame.degraded ? "degraded" : "live");
      else this.onFrame(frame);
    };
    socket.onclose = ({ code }) => {
      if (socket === this.#socket) this.#closed(code);
    };
  }

  #heard() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#socket?.close(4000), SILENCE);
  }

  #closed(code) {
    this.#socket = null;
    clearTimeout(this.#silence);
    if (this.#stopped) return;
    if (FINAL[code]) {
      this.onState(FINAL[code]);
      return;
    }
    if (this.#openedAt && Date.now() - this.#openedAt > STEADY) this.#delay = FIRST_DELAY;
    this.#openedAt = 0;
    const wait = this.#delay * (0.5 + Math.random() / 2);
    this.#delay = Math.min(LONGEST_DELAY, this.#delay * 2);
    this.onState("offline", Math.ceil(wait / 1000));
    this.#timer = setTimeout(() => this.#connect(), wait);
  }

  #now() {
    if (this.#socket || this.#stopped) return;
    this.#delay = FIRST_DELAY;
    this.#connect();
  }
}

/** The stream's address beside this page. */
export function streamAddress(query) {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws/events/${query}`;
}
