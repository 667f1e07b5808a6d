// The strip on the dashboard that tells what this page sends, and when its tab may be closed.

import { $, setHidden, setIcon, setPart, setText } from "millrace/dom";
import { say } from "millrace/frame";
import { bytes, decimal, dotted, gettext, left, ngettext, number } from "millrace/words";

const SMALL_ON_AVERAGE = 100_000; // bytes; below it files a second say more than bytes a second
const GATHERED = 1500; // ms until a drop is read so far that its number can be said; what is sent by then need not be announced

export class Sending {
  #state = "";
  #saying = 0;

  /** `makeRoom(element, hidden)` shows and hides what makes others move. */
  constructor(makeRoom) {
    this.makeRoom = makeRoom;
  }

  show(uploader) {
    const { sum } = uploader;
    const strip = $("sending");
    const state = stateOf(uploader);
    this.makeRoom(strip, state === "none" || (strip.dataset.closed === "yes" && !uploader.busy));
    if (state === "none") {
      this.#state = state;
      return;
    }
    strip.dataset.state = state;
    setIcon(strip.firstElementChild, { safe: "shield", stuck: "alert", here: "copy", paused: "pause" }[state] ?? "upload");
    setText($("sending-title"), title(state, sum));
    setText($("sending-about"), about(state, sum, uploader.sender.trouble));
    setPart($("sending-bar").firstElementChild, sum.bytes ? sum.sent / sum.bytes : 1);
    $("sending-bar").setAttribute("aria-valuenow", sum.bytes ? Math.floor((100 * sum.sent) / sum.bytes) : 100);
    showButtons(strip, state, uploader);
    if (state !== this.#state) this.#announce(state, uploader);
  }

  /** Until something is sent again. */
  dismiss() {
    $("sending").dataset.closed = "yes";
    this.makeRoom($("sending"), true);
  }

  #announce(state, uploader) {
    this.#state = state;
    clearTimeout(this.#saying);
    if (state !== "sending") return say(title(state, uploader.sum));
    $("sending").dataset.closed = "";
    this.#saying = setTimeout(() => say(title("sending", uploader.sum)), GATHERED);
  }
}

function showButtons(strip, state, { sum, busy }) {
  const button = (name, shown) => setHidden(strip.querySelector(`[data-command="${name}"]`), !shown);
  button("pause-sending", state === "sending");
  button("resume-sending", state === "paused");
  button("keep-both", sum.here > 0);
  button("leave-out", sum.here > 0);
  button("retry-sending", sum.refused > 0 && state !== "sending");
  button("cancel-sending", busy);
  button("dismiss-sending", !busy);
}

function stateOf({ sum, busy }) {
  if (!sum.files) return "none";
  if (busy) return sum.paused && sum.paused + sum.sentFiles + sum.refused + sum.here >= sum.files ? "paused" : "sending";
  if (sum.refused) return "stuck";
  return sum.here ? "here" : "safe";
}

function title(state, sum) {
  const all = ngettext("%(count)s file", "%(count)s files", sum.files);
  if (state === "safe") return gettext("%(files)s received. It is safe to close this tab.", { files: all });
  if (state === "here") return ngettext("%(count)s file is in this space already", "%(count)s files are in this space already", sum.here);
  if (state === "stuck") return ngettext("%(count)s file could not be sent", "%(count)s files could not be sent", sum.refused);
  if (state === "paused") return gettext("Paused, %(done)s of %(files)s received", { done: number(sum.sentFiles), files: all });
  return gettext("Sending %(files)s, keep this tab open", { files: all });
}

function about(state, sum, trouble) {
  if (state === "safe") return dotted(bytes(sum.bytes), gettext("the server goes on by itself"));
  if (state === "here") return gettext("Not sent again. The rest is received, so it is safe to close this tab.");
  if (state === "stuck") return gettext("%(n)s received", { n: number(sum.sentFiles) });
  const parts = [gettext("%(done)s of %(total)s", { done: bytes(sum.sent), total: bytes(sum.bytes) })];
  if (sum.files > 1) parts.push(gettext("%(n)s received", { n: number(sum.sentFiles) }));
  if (state !== "sending") return dotted(...parts);
  if (trouble) return dotted(...parts, trouble);
  const small = sum.bytes / sum.files < SMALL_ON_AVERAGE;
  if (small && sum.pace > 0.1) parts.push(gettext("%(n)s files/s", { n: decimal(Math.round(sum.pace * 10) / 10) }));
  else if (sum.speed > 1) parts.push(`${bytes(sum.speed)}/s`);
  const files = sum.files - sum.sentFiles - sum.refused;
  const seconds = small ? files / sum.pace : (sum.bytes - sum.sent) / sum.speed;
  return dotted(...parts, left(seconds));
}
