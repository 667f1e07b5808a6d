// The line to the stream: says hello, comes back by itself, tells how it stands.

const FIRST_DELAY = 500; // ms
const LONGEST_DELAY = 20_000; // ms
const SILENCE = 60_000; // ms; the server speaks at least every 25 s
const STEADY = 5_000; // ms; a line that held this long starts over with short delays

const ASLEEP = 30_000; // ms without a word, though the server speaks every 25 s

/** Close codes after which it makes no sense to come back; but whoever was let in before asks once more. */
const FINAL = { 4401: "signed-out", 4403: "refused" };
const CHANGED = 4403;

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
  #heardAt = 0;
  #live = false;
  #stopped = false;

  constructor(url, { hello, onFrame, onState }) {
    this.url = url;
    this.hello = hello;
    this.onFrame = onFrame;
    this.onState = onState;
    for (const event of ["online", "pageshow"]) addEventListener(event, () => this.#now());
    for (const event of ["visibilitychange", "resume"]) {
      document.addEventListener(event, () => {
        if (!document.hidden) this.#now();
      });
    }
    addEventListener("offline", () => this.#lost());
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
    this.#abandon();
    this.#connect();
  }

  /** Lets go of a socket without waiting for the other side to say goodbye: there may be none. */
  #abandon() {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(4000);
  }

  #lost() {
    if (!this.#socket) return;
    this.#abandon();
    this.#closed(1006);
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#live = false;
    this.#heardAt = Date.now(); // a page that has just been shown need not begin anew
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
      if (frame.type === "ready") {
        this.#live = true;
        this.onState("live");
      }
      if (frame.type === "delivery") this.onState(frame.degraded ? "degraded" : "live");
      else this.onFrame(frame);
    };
    socket.onclose = ({ code }) => {
      if (socket === this.#socket) this.#closed(code);
    };
  }

  #heard() {
    this.#heardAt = Date.now();
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost(), SILENCE);
  }

  #closed(code) {
    this.#socket = null;
    clearTimeout(this.#silence);
    if (this.#stopped) return;
    if (FINAL[code] && !(code === CHANGED && this.#live)) {
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
    if (this.#stopped || (this.#socket && Date.now() - this.#heardAt < ASLEEP)) return;
    this.again();
  }
}

/** The stream's address beside this page. */
export function streamAddress(query) {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws/events/${query}`;
}
