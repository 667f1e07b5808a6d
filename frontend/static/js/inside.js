// The files that came out of this one: listed with their status, and kept true for as long as one of them moves.

import { address, ask, boot, inTurn } from "millrace/boot";
import { $, h, icon, inFrame, setHidden } from "millrace/dom";
import { Line, streamAddress } from "millrace/socket";
import { Store } from "millrace/store";
import { KIND, MARK, STATUS, bytes, dotted, gettext, ngettext, number } from "millrace/words";

const SHOWN = 100; // files that are listed; the page of all files has the others
const IN_FLIGHT = new Set(["queued", "processing"]);

const inside = new Map();
let more = false;
let line = null;
let told = []; // what the steps say of what they sent on
const turn = inTurn();

/** Asks for them anew, and shows what the steps of `file` say of them. */
export async function refreshInside(file) {
  told = file.steps.map(({ sent_on: said }) => said).filter(Boolean);
  const isNews = turn();
  const asked = ask("GET", "/api/files/", { parameters: { parent: file.id, sort: "created_at", limit: SHOWN } });
  const [{ items, next }, changes] = await store.meanwhile(asked);
  if (!isNews()) return;
  inside.clear();
  for (const child of items) inside.set(child.id, child);
  for (const change of changes) apply(change);
  more = next !== null;
  show();
  follow();
}

const store = new Store((change) => {
  if (!apply(change)) return;
  inFrame(show);
  follow();
});

/** Whether a change of the stream was one of these files'. */
function apply({ type, file }) {
  if (type === "gone") return inside.delete(file.id);
  if (type !== "put" || !(inside.has(file.id) || (file.parent === boot.file.id && inside.size < SHOWN))) return false;
  inside.set(file.id, file);
  return true;
}

/** Holds a line to the whole space only while one of them moves: this page's own line tells of its own file alone. */
function follow() {
  const moving = [...inside.values()].some(({ status }) => IN_FLIGHT.has(status));
  if (moving && !line) {
    line = new Line(streamAddress(boot.query), { hello: () => ({ after: store.cursor }), onState: () => {}, onFrame: (frame) => store.apply(frame) });
    line.start();
  } else if (!moving && line) {
    line.stop();
    line = null;
    store.cursor = null;
  }
}

function show() {
  if (!$("inside")) return; // the file was deleted, and they with it
  setHidden($("inside"), inside.size === 0 && told.every(({ left_out_total: total }) => !total));
  $("inside-list").replaceChildren(...[...inside.values()].map(row));
  $("inside-notes").replaceChildren(...notes());
}

function row({ id, status, kind, name, path, size }) {
  const mark = icon(MARK[status], status === "processing" ? "icon spin" : "icon");
  return h("li", { "data-status": status }, h("a", { href: address(`/files/${id}/`), title: path },
    icon(kind || "other"), h("span", { class: "cut" }, name), h("span", { class: "quiet numbers" }, dotted(KIND[kind], bytes(size))),
    h("span", { class: "mark" }, mark, h("span", { class: "mark-word" }, STATUS[status]))));
}

const REASONS = {
  depth: () => gettext("it lies too deep in other files"),
  number: () => gettext("there are too many"),
  bytes: () => gettext("too large"),
  locked: () => gettext("locked by a password"),
  broken: () => gettext("broken"),
  link: () => gettext("no regular file"),
  quota: () => gettext("the space is full"),
  disk: () => gettext("the disk is full"),
};

function notes() {
  const list = [];
  if (more) list.push(h("p", { class: "quiet" }, gettext("The first %(n)s are shown.", { n: number(SHOWN) })));
  const total = told.reduce((sum, { left_out_total: left }) => sum + left, 0);
  if (!total) return list;
  const named = told.flatMap(({ left_out: left }) => left);
  const words = named.map(({ path, reason }) => h("li", {}, dotted(path, REASONS[reason]?.() ?? reason)));
  if (total > named.length) words.push(h("li", { class: "quiet" }, gettext("%(n)s more", { n: number(total - named.length) })));
  list.push(h("details", { class: "note warn" }, h("summary", {}, ngettext("%(count)s file inside was left out", "%(count)s files inside were left out", total)), h("ul", {}, words)));
  return list;
}
