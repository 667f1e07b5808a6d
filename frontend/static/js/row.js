// One file in a list of the dashboard. The markup is the server's (parts/row.html); this fills it.

import { address, boot } from "millrace/boot";
import { clone, setData, setHidden, setIcon, setPart, setText } from "millrace/dom";
import { showTile } from "millrace/tile";
import { KIND, MARK, STATUS, ago, bytes, clock, dotted, gettext, left, measure, told, turn } from "millrace/words";

const RETRY = new Set(["failed", "cancelled", "refused"]);
const CANCEL = new Set(["receiving", "queued", "processing", "waiting", "sending", "paused"]);
const PAUSE = new Set(["waiting", "sending"]);
const ENDED = new Set(["processed", "failed", "cancelled"]);

export const createRow = () => clone("row-template");

function parts(row) {
  if (row.parts) return row.parts;
  const find = (selector) => row.querySelector(selector);
  row.parts = {
    name: find(".row-name"),
    about: find(".row-about"),
    tile: find(".tile"),
    mark: find(".mark .icon"),
    word: find(".mark-word"),
    measure: find(".measure"),
    received: find(".bar-received"),
    done: find(".bar-done"),
    bar: find(".bar"),
    form: find("form"),
    actions: Object.fromEntries([...row.querySelectorAll("[data-action]")].map((button) => [button.dataset.action, button])),
  };
  return row.parts;
}

/** Shows an entry of groups.js in a row. */
export function patchRow(row, entry) {
  const part = parts(row);
  const { status, kind } = entry;
  row.entry = entry;
  setData(row, "id", entry.key);
  setData(row, "status", status);
  setData(row, "kind", kind ?? "");
  setText(part.name, entry.name);
  setLink(part, entry);
  setText(part.about, dotted(bytes(entry.size), KIND[kind], folder(entry)));
  showTile(part.tile, kind, entry.file?.thumbnail ?? null);
  setIcon(part.mark, MARK[status]);
  part.mark.classList.toggle("spin", status === "processing");
  setText(part.word, STATUS[status]);
  setText(part.measure, telling(entry, status));
  part.measure.title = status === "failed" || status === "refused" ? part.measure.textContent : "";
  showBar(part, entry, status);
  showActions(part, entry, status);
}

function setLink(part, entry) {
  const title = entry.path || entry.name;
  if (part.name.title !== title) part.name.title = title;
  const id = entry.id ?? entry.item?.id ?? entry.item?.twin?.id; // the answer may come before the event
  if (!id) {
    part.name.removeAttribute("href");
    return;
  }
  const href = address(`/files/${id}/`);
  if (part.name.getAttribute("href") === href) return;
  part.name.setAttribute("href", href);
  part.form.setAttribute("action", href);
}

function folder({ path, name }) {
  return path && path.endsWith(name) ? path.slice(0, -name.length).replace(/\/$/, "") : "";
}

/** What to say beside the status: how far, how fast, why not. */
export function telling(entry, status, now = Date.now()) {
  const { file, item } = entry;
  if (status === "refused") return told(item.error);
  if (status === "here") return item.twin.name === item.name ? ago(item.twin.created_at, now) : gettext("as %(name)s", { name: item.twin.name });
  if (status === "failed") return told(file.error?.message) ?? "";
  if (status === "processed" || status === "cancelled") return ago(file.finished_at, now);
  if (status === "sending") {
    if (item.note) return item.note;
    return dotted(measure(entry.receivedBytes, entry.size, "bytes"), item.speed ? left((entry.size - entry.receivedBytes) / item.speed) : "");
  }
  if (status === "waiting" || status === "paused") return item.note || (item.sent ? measure(item.sent, entry.size, "bytes") : "");
  if (status === "receiving") return dotted(measure(file.received, file.size, "bytes"), left(file.eta_s ?? NaN));
  if (status === "queued") return entry.turn ? turn(entry.turn) : "";
  if (status === "processing" && file.step) {
    const { name, done, total, unit, eta_s, stalled_since: since } = file.step;
    const stalled = since ? gettext("stalled since %(time)s", { time: clock(since) }) : "";
    return dotted(name, measure(done, total, unit), stalled || left(eta_s ?? NaN));
  }
  return "";
}

function showBar(part, entry, status) {
  const { file } = entry;
  const other = part.bar.entry !== entry; // the row was another file's
  part.bar.entry = entry;
  const received = status === "processing" ? 1 : entry.size ? entry.receivedBytes / entry.size : 0;
  setPart(part.received, received, { anew: other });
  const step = status === "processing" ? file.step : null;
  const key = step ? `${file.id}/${file.attempt}/${step.name}` : "";
  setPart(part.done, step?.total ? step.done / step.total : 0, { anew: part.done.key !== key }); // each step has its own measure
  part.done.key = key;
  part.bar.classList.toggle("unmeasured", status === "processing" && !step?.total);
}

function showActions({ actions }, entry, status) {
  const mine = Boolean(entry.item);
  const may = boot.mayUpload;
  setHidden(actions.pause, !(mine && PAUSE.has(status)));
  setHidden(actions.resume, !(mine && status === "paused"));
  setHidden(actions.keep, status !== "here");
  setHidden(actions.leave, status !== "here");
  setHidden(actions.retry, !(may && RETRY.has(status)));
  setHidden(actions.cancel, !(may && CANCEL.has(status)));
  setHidden(actions.delete, !(may && (ENDED.has(status) || status === "refused")));
}
