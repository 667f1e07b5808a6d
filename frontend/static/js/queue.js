// The queue on the dashboard: what holds it up, how long it takes, files' places; managers pause and resume it here.

import { ask, boot } from "millrace/boot";
import { $, h, setHidden, setText } from "millrace/dom";
import { command, complain, say } from "millrace/frame";
import { dotted, gettext, left, number, whenSoon } from "millrace/words";

const SOON = 400; // ms after something has changed
const REST = 5_000; // ms between two questions about places, at least
const UNTOLD = 500; // ms after a line is live; what is not said to be paused by then is not
const PLACES = 100; // files whose places are asked for at once
const MINUTES = [15, 60, 240, 1440];
const LONGEST = 2 ** 31 - 1; // ms that a timer can run

/**
 * Keeps the banner, the card and the rows' places true. `groups` hold the rows, `changed()` shows them anew,
 * `makeRoom(element, hidden)` shows and hides what makes others move.
 *
 * What holds the queue up is told by the stream. Places and times are asked for, but only after the stream has told that
 * something moved: a queue that stands still, or is empty, asks nothing.
 */
export class Queue {
  #timer = 0;
  #askedAt = -Infinity;
  #untold = 0;
  #end = 0;
  #counts = { queued: 0, processing: 0 }; // as they were when something moved last
  #due = false; // something has moved since the last question
  #turn = 0; // of the newest word of the stream: an answer to what was asked before it is no news
  #wait = null; // seconds until all that waits has begun

  constructor({ groups, changed, makeRoom }) {
    Object.assign(this, { groups, changed, makeRoom });
    this.pauses = [];
    document.addEventListener("visibilitychange", () => this.#due && this.#askIn(0));
    if (!boot.mayManage) return;
    command("pause-queue", { run: () => this.#pause() });
    command("resume-queue", { run: () => this.#tell("resume") });
    command("toggle-queue", { key: "q", help: gettext("Pause or resume processing"), run: () => (this.#own ? this.#tell("resume") : this.#pause()) });
  }

  /** The line is live: what holds the queue up is told at once, or nothing does. */
  ready() {
    clearTimeout(this.#untold);
    this.#untold = setTimeout(() => this.told([]), UNTOLD);
  }

  /** What holds the queue up. */
  told(pauses) {
    clearTimeout(this.#untold);
    this.#turn += 1;
    this.#showPauses(pauses);
    this.#moved();
  }

  /** The space's counts, as the stream tells them. */
  see({ queued, processing }) {
    this.#say(queued, processing);
    const before = this.#counts;
    this.#counts = { queued, processing };
    if (queued && (queued !== before.queued || processing !== before.processing)) this.#moved();
  }

  get #own() {
    return this.pauses.some(({ scope }) => scope === "space");
  }

  #moved() {
    this.#due = true;
    this.#askIn(Math.max(SOON, this.#askedAt + REST - performance.now()));
  }

  #askIn(ms) {
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      this.#ask();
    }, ms);
  }

  async #ask() {
    if (document.hidden || !this.#due || !this.#counts.queued) return;
    this.#due = false;
    this.#askedAt = performance.now();
    try {
      this.#show(await ask("GET", "/api/queue/", { parameters: { files: this.groups.queued(PLACES).join(",") } }));
    } catch {
      // the line tells that the server is away
    }
  }

  async #tell(action, body = null) {
    const turn = this.#turn;
    try {
      const answer = await ask("POST", `/api/queue/${action}/`, { body });
      clearTimeout(this.#untold);
      if (turn === this.#turn) this.#showPauses(answer.pauses);
      this.#show(answer);
      say(action === "pause" ? gettext("Processing is paused") : gettext("Processing goes on."));
    } catch (error) {
      complain(error);
    }
  }

  #show({ waiting, running, wait_s: wait, files }) {
    this.#wait = wait;
    this.#say(waiting, running);
    for (const { id, place, wait_s } of files) this.groups.placed(id, place, wait_s);
    this.changed();
  }

  #showPauses(all) {
    const now = Date.now();
    const pauses = all.filter(({ until }) => !until || Date.parse(until) > now);
    this.pauses = pauses;
    if (pauses.length) $("standstill-words").replaceChildren(...pauses.map(pauseLine));
    this.makeRoom($("standstill"), pauses.length === 0);
    setHidden($("resume-queue"), !this.#own);
    setHidden($("pause-queue"), this.#own);
    const soonest = Math.min(...pauses.map(({ until }) => (until ? Date.parse(until) : Infinity)));
    clearTimeout(this.#end);
    if (soonest < Infinity) this.#end = setTimeout(() => this.#showPauses(this.pauses), Math.min(soonest - now, LONGEST));
  }

  #say(waiting, running) {
    const words = dotted(waiting ? gettext("%(n)s waiting", { n: number(waiting) }) : "", running ? gettext("%(n)s in work", { n: number(running) }) : "", waiting ? left(this.#wait ?? NaN) : "");
    setText($("queue-words"), words || gettext("Nothing waits."));
  }

  async #pause() {
    const wanted = await askForPause();
    if (wanted) this.#tell("pause", wanted);
  }
}

function pauseLine({ scope, by, reason, until }) {
  const title = scope === "server" ? gettext("Processing is paused on the whole server") : gettext("Processing is paused");
  const about = dotted(by ? gettext("by %(name)s", { name: by }) : "", until ? gettext("until %(when)s", { when: whenSoon(until) }) : gettext("until somebody resumes it"));
  return h("p", {}, h("b", {}, title), " ", h("span", {}, about), reason ? h("q", {}, reason) : null);
}

/** Asks for how long and why; resolves to the body of the request, null where somebody thought better of it. */
function askForPause() {
  return new Promise((resolve) => {
    const lasts = (minutes) => (minutes < 60 ? gettext("for %(n)s minutes", { n: minutes }) : minutes === 60 ? gettext("for an hour") : minutes < 1440 ? gettext("for %(n)s hours", { n: minutes / 60 }) : gettext("for a day"));
    const reason = h("input", { name: "reason", maxlength: 500, autocomplete: "off", placeholder: gettext("Others see it"), autofocus: true });
    const minutes = h("select", { class: "select", name: "minutes" }, MINUTES.map((each) => h("option", { value: each }, lasts(each))), h("option", { value: "" }, gettext("until somebody resumes it")));
    const box = h("dialog", { class: "dialog", "aria-labelledby": "pause-title" },
      h("h2", { id: "pause-title" }, gettext("Pause processing")),
      h("p", { class: "quiet" }, gettext("Uploads are received, and what runs is finished; nothing new is begun in this space.")),
      h("form", { method: "dialog", class: "pause-form" },
        h("label", { class: "field" }, h("span", {}, gettext("Why")), reason),
        h("label", { class: "field" }, h("span", {}, gettext("How long")), minutes),
        h("div", { class: "dialog-actions" }, h("button", { class: "button", value: "no", type: "button", onclick: () => box.close("no") }, gettext("Not now")), h("button", { class: "button primary", value: "yes" }, gettext("Pause")))));
    box.addEventListener("close", () => {
      box.remove();
      resolve(box.returnValue === "yes" ? { reason: reason.value, minutes: minutes.value ? Number(minutes.value) : null } : null);
    });
    document.body.append(box);
    box.showModal();
  });
}
