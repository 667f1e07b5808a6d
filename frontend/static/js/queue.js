// The queue on the dashboard: what holds it up, how long it takes, files' places; managers pause and resume it here.

import { ask, boot } from "millrace/boot";
import { $, h, setHidden, setText } from "millrace/dom";
import { command, complain, say } from "millrace/frame";
import { dotted, gettext, left, number, whenSoon } from "millrace/words";

const SOON = 1_000; // ms after something began to wait
const AGAIN = 5_000; // ms between two questions while something waits or is paused
const IDLE = 30_000; // ms while nothing does
const PLACES = 100; // files whose places are asked for at once
const MINUTES = [15, 60, 240, 1440];

/** Keeps the banner, the card and the rows' places true. `groups` hold the rows, `changed()` shows them anew. */
export class Queue {
  #timer = 0;
  #waits = false;
  #wait = null; // seconds until all that waits has begun
  #turn = 0; // of the newest question or command: what answers an older one is no news

  constructor({ groups, changed }) {
    Object.assign(this, { groups, changed });
    this.pauses = [];
    document.addEventListener("visibilitychange", () => document.hidden || this.#ask());
    if (!boot.mayManage) return;
    command("pause-queue", { run: () => this.#pause() });
    command("resume-queue", { run: () => this.#tell("resume") });
    command("toggle-queue", { key: "q", help: gettext("Pause or resume processing"), run: () => (this.#own ? this.#tell("resume") : this.#pause()) });
  }

  start() {
    this.#ask();
  }

  /** The space's counts, as the stream tells them. */
  see(counts) {
    const waits = counts.queued > 0;
    this.#say(counts.queued, counts.processing);
    if (waits === this.#waits) return;
    this.#waits = waits;
    this.#askIn(SOON);
  }

  get #own() {
    return this.pauses.some(({ scope }) => scope === "space");
  }

  #askIn(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), ms);
  }

  async #ask() {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    const turn = (this.#turn += 1);
    try {
      const answer = await ask("GET", "/api/queue/", { parameters: { files: this.groups.queued(PLACES).join(",") } });
      if (turn === this.#turn) this.#show(answer);
    } catch {
      // the line tells that the server is away
    }
    this.#askIn(this.#waits || this.pauses.length ? AGAIN : IDLE);
  }

  async #tell(action, body = null) {
    this.#turn += 1;
    try {
      this.#show(await ask("POST", `/api/queue/${action}/`, { body }));
      say(action === "pause" ? gettext("Processing is paused") : gettext("Processing goes on."));
    } catch (error) {
      complain(error);
    }
    this.#askIn(SOON);
  }

  #show({ waiting, running, wait_s: wait, pauses, files }) {
    this.pauses = pauses;
    this.#wait = wait;
    this.#say(waiting, running);
    setHidden($("standstill"), pauses.length === 0);
    $("standstill-words").replaceChildren(...pauses.map(pauseLine));
    setHidden($("resume-queue"), !this.#own);
    setHidden($("pause-queue"), this.#own);
    for (const { id, place, wait_s } of files) this.groups.placed(id, place, wait_s);
    this.changed();
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
