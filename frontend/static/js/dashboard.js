// The dashboard: wires the stream, the queue of this page and the cards together.

import { act, actOnAll, actOnBatch } from "millrace/actions";
import { newDrop } from "millrace/admission";
import { ask, boot } from "millrace/boot";
import { Card, isAlone } from "millrace/cards";
import { $, calmly, setHidden, setIcon, setPart, setText } from "millrace/dom";
import { Failures } from "millrace/failures";
import { follow } from "millrace/follow";
import { command, complain, say, startFrame, toast } from "millrace/frame";
import { glide } from "millrace/glide";
import { Groups, IN_FLIGHT } from "millrace/groups";
import { bringsFiles, fromInput, fromTransfer } from "millrace/intake";
import { notify } from "millrace/notify";
import { Pace } from "millrace/pace";
import { Queue } from "millrace/queue";
import { Storage } from "millrace/storage";
import { Store } from "millrace/store";
import { Uploader } from "millrace/uploader";
import { bytes, decimal, dotted, gettext, left, ngettext, number } from "millrace/words";

const ENDED_SHOWN = 12; // groups under "just ended"
const ENDED_KEPT = 30; // groups in memory
const ASK_AGAIN = 1500; // ms between two questions about one batch
const FOLLOWS = 3000; // ms until what follows a snapshot has come
const SMALL_ON_AVERAGE = 100_000; // bytes; below it files a second say more than bytes a second
const CALM = 90; // ms between two looks at what has changed; a frame each would be for nobody
const GATHERED = 1500; // ms until a drop is read so far that its number can be said; what is sent by then need not be announced
const CLOCK = 20_000; // ms between two looks at "3 min ago"

const groups = new Groups();
const pace = new Pace();
const storage = new Storage(boot.storage);
const store = new Store((change) => {
  groups.fileChanged(change);
  pace.see(change);
  storage.see(change);
});
const uploader = boot.mayUpload
  ? new Uploader({
      changed: (item) => {
        groups.itemChanged(item);
        soon();
      },
      gone: (item) => {
        groups.itemGone(item);
        soon();
      },
      totals: calmly(showSending, CALM),
      room: () => (storage.quota ? storage.quota - storage.used : Infinity),
    })
  : null;
const rooms = new Map(); // elements that come or go, and so make others move
const queue = new Queue({ groups, changed: () => soon(), makeRoom });
const failures = new Failures(makeRoom);
const cards = new Map();
let whole = false; // until the first snapshot is in, what the server rendered stays
let splitVersion = -1;

// -- the stream ----------------------------------------------------------------------------------------------------------

const line = follow(store, (now) => {
  whole ||= now;
  soon();
}, { snapshot: settle, ready: () => queue.ready(), queue: ({ pauses }) => queue.told(pauses) });

const soon = calmly(show, CALM);

/** A snapshot does not have all that has ended. What was sent, and is neither in it nor in what follows it, is no longer held. */
function settle({ last }) {
  const unheard = last ? groups.unheard() : [];
  if (!unheard.length) return;
  setTimeout(() => {
    groups.letGo(unheard);
    soon();
  }, FOLLOWS);
}

// -- groups and cards ------------------------------------------------------------------------------------------------------

function show() {
  if (!known() && !rooms.size) return;
  if (moving && !document.hidden) showInPlace();
  else if (rooms.size || groups.version !== splitVersion || [...groups.changed].some(({ key }) => cards.get(key)?.changesHeight)) moveGroups();
  else showGroups();
  for (const group of groups.endings.splice(0)) ended(group);
  showCounts();
  storage.show();
}

/** Whether there is more to show than what the server rendered. */
const known = () => whole || Boolean(uploader?.items.size);

/** Shows or hides an element above others, when these have come to rest. */
function makeRoom(element, hidden) {
  if (element.hidden === hidden) rooms.delete(element);
  else rooms.set(element, hidden);
  if (rooms.size) soon();
}

let moving = false;

async function moveGroups() {
  moving = true;
  await glide(movable, () => {
    for (const [element, hidden] of rooms) element.hidden = hidden;
    rooms.clear();
    if (known()) showGroups();
  });
  moving = false;
  soon();
}

/** What is new in cards that keep their place and height. What would move others waits until they have come to rest. */
function showInPlace() {
  for (const group of groups.changed) {
    const card = cards.get(group.key);
    if (!card || card.changesHeight) continue;
    card.show();
    askAbout(group);
    groups.changed.delete(group);
  }
}

const parts = [...document.querySelectorAll("#standstill, #drop, #sending, .section-head, .dashboard-side, .side-card")];

/** What makes room on this page: its parts, and the cards as far down as they can be seen. */
const movable = () => [...parts, ...inSight("flight-groups"), ...inSight("ended-groups")];

const SEEN = 30; // cards that fit in a window, at most
const inSight = (id) => [...$(id).children].slice(0, SEEN);

function showGroups() {
  if (groups.version !== splitVersion) arrange();
  for (const group of groups.changed) {
    const card = cards.get(group.key);
    if (card && card.alone !== isAlone(group)) replace(card);
    cards.get(group.key)?.show();
    askAbout(group);
  }
  groups.changed.clear();
}

function arrange() {
  for (const id of groups.prune(ENDED_KEPT)) store.forget(id);
  for (const key of store.batches.keys()) if (!groups.groups.has(key)) store.batches.delete(key);
  splitVersion = groups.version;
  const { flight, ended: over } = groups.split();
  const shown = over.slice(0, ENDED_SHOWN);
  const wanted = new Set([...flight, ...shown].map((group) => group.key));
  for (const [key, card] of cards) {
    if (wanted.has(key)) continue;
    card.remove();
    cards.delete(key);
  }
  const sections = [["flight", flight], ["ended", shown]];
  for (const [id, list] of sections) if (list.length) setHidden($(id), false); // before: what is hidden can't take the focus along
  for (const [id, list] of sections) place($(`${id}-groups`), list);
  for (const [id, list] of sections) {
    if (whole) clear($(`${id}-groups`), list.length);
    setHidden($(id), list.length === 0);
  }
  if (flight.length || shown.length) endFirstRun();
}

function place(container, list) {
  let before = null;
  for (const group of list) {
    let card = cards.get(group.key);
    if (!card) {
      const rendered = container.querySelector(`[data-key="${CSS.escape(group.key)}"]:not(.held)`);
      const usable = rendered && rendered.classList.contains("single") === isAlone(group);
      card = new Card(group, usable ? rendered : null);
      card.element.classList.add("held");
      card.pace = (_group, files) => (pace.filesPerSecond ? files / pace.filesPerSecond : NaN);
      cards.set(group.key, card);
      card.show();
    }
    const after = before ? before.nextElementSibling : container.firstElementChild;
    if (card.element !== after) bring(container, card.element, after);
    before = card.element;
  }
}

/** Removes what the server rendered and the stream knows nothing of: all behind the first so many. */
function clear(container, count) {
  while (container.children.length > count) container.lastElementChild.remove();
}

/** Moves a card there; whoever is in it with the keyboard stays in it. */
function bring(container, element, before) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  container.insertBefore(element, before);
  focused?.focus({ preventScroll: true });
}

/** A lone file that got company, or a drop that shrank to one. */
function replace(card) {
  const fresh = new Card(card.group);
  fresh.element.classList.add("held");
  fresh.pace = card.pace;
  card.element.replaceWith(fresh.element);
  card.remove();
  cards.set(card.group.key, fresh);
}

function ended(group) {
  const numbers = group.numbers;
  const failed = (numbers.failed ?? 0) + (numbers.refused ?? 0);
  const count = ngettext("%(count)s file", "%(count)s files", group.size);
  const words = failed ? gettext("%(files)s ended, %(n)s failed.", { files: count, n: number(failed) }) : gettext("%(files)s processed.", { files: count });
  say(words);
  notify(group.folder || "Millrace", words);
  own.delete(group.key);
  for (const id of groups.shrink(group)) store.forget(id);
}

// -- batches of which this page does not hold every file ---------------------------------------------------------------------

const asking = new Set(); // keys of batches

function askAbout(group) {
  if (!group.batch || !cards.has(group.key)) return;
  const said = store.batches.get(group.key);
  if (said) {
    store.batches.delete(group.key);
    groups.told(said);
  }
  if (group.total === null && !isOwn(group)) group.total = 0;
  else if (group.complete) return;
  if (!isOwn(group) && !asking.has(group.key)) learn(group);
}

/** Asks about a batch, and again later where it has changed since it was asked. */
async function learn(group) {
  const { key, told, version } = group;
  asking.add(key);
  const rested = new Promise((resolve) => setTimeout(resolve, ASK_AGAIN));
  const batch = await ask("GET", `/api/batches/${encodeURIComponent(key)}/`).catch(() => null);
  const changed = group.version !== version;
  if (batch && group.told === told) groups.told(batch); // the stream may have said meanwhile how it ended
  soon();
  const { version: known } = group;
  await rested;
  asking.delete(key);
  if (batch && (changed || group.version !== known)) askAbout(group);
}

const own = new Map(); // batches of this page, by key
const isOwn = (group) => own.has(group.key) && group.complete;

// -- numbers at the side -----------------------------------------------------------------------------------------------------

const countElements = [...document.querySelectorAll("[data-count]")];

function showCounts() {
  if (!store.counts) return;
  for (const element of countElements) setText(element, number(store.counts[element.dataset.count] ?? 0));
  const flight = [...IN_FLIGHT].reduce((sum, status) => sum + (store.counts[status] ?? 0), 0);
  setText($("flight-count"), flight ? number(flight) : "");
  queue.see(store.counts);
  failures.see(store.counts);
}

// -- files coming in -----------------------------------------------------------------------------------------------------------

/** Sends what `read(found)` hands over, list by list, as one drop. The words for newcomers go with its first file. */
const take = (read) =>
  send((found) =>
    read((list) => {
      endFirstRun();
      $("first-run")?.remove();
      return found(list);
    }),
  );

async function send(read) {
  const batch = newDrop();
  own.set(batch.key, batch);
  await uploader.take(read, batch);
  const group = groups.groups.get(batch.key);
  if (group) group.total = batch.count;
}

/** What this person's last page had not sent when it was closed. */
async function takeUpAgain() {
  const count = await uploader.restore(newDrop);
  if (!count) return;
  endFirstRun();
  const words = ngettext("Going on with %(count)s file from before.", "Going on with %(count)s files from before.", count);
  toast(words, { action: { label: gettext("Cancel"), run: () => uploader.all.cancel() } });
}

async function drop(transfer) {
  try {
    await take((found) => fromTransfer(transfer, found));
  } catch (error) {
    complain(new Error(gettext("A folder could not be read: %(why)s", { why: error.message })));
  }
}

function pick(folder) {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.webkitdirectory = folder;
  input.onchange = () => input.files.length && take((found) => found(fromInput(input)));
  input.click();
}

/** A sample's bytes; null where they can't be had, which is said. */
async function sampleContent(href) {
  try {
    const answer = await fetch(href);
    if (answer.ok) return await answer.blob();
  } catch {
    // said below
  }
  complain({ message: "" });
  return null;
}

/** The words for newcomers go with the first file; the samples stay until there is another file than those. */
function endFirstRun() {
  if (!$("drop")?.classList.contains("first")) return;
  document.querySelector(".first-steps").remove();
  $("drop").classList.remove("first");
  setText($("drop-title"), gettext("Drop files or folders anywhere"));
}

function listenForFiles() {
  const veil = $("veil");
  let depth = 0;
  const lift = () => {
    depth = 0;
    veil.hidden = true;
  };
  addEventListener("dragenter", (event) => {
    if (!bringsFiles(event.dataTransfer)) return;
    event.preventDefault();
    depth += 1;
    veil.hidden = false;
  });
  addEventListener("dragover", (event) => {
    if (!bringsFiles(event.dataTransfer)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  addEventListener("dragleave", () => {
    depth -= 1;
    if (depth <= 0) lift();
  });
  addEventListener("drop", (event) => {
    if (!bringsFiles(event.dataTransfer)) return;
    event.preventDefault();
    lift();
    drop(event.dataTransfer);
  });
  addEventListener("paste", (event) => {
    if (!bringsFiles(event.clipboardData) || event.target.closest("input, textarea")) return;
    event.preventDefault();
    drop(event.clipboardData);
  });
  $("samples")?.addEventListener("click", async (event) => {
    const sample = event.target.closest("[data-sample]");
    if (!sample || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const place = sample.closest("li");
    if (place.inert) return;
    place.inert = true; // one click is enough, however late the sample comes
    const content = await sampleContent(sample.href);
    if (!content) {
      place.inert = false;
      return;
    }
    endFirstRun();
    place.remove();
    if (!$("samples")?.querySelector("li")) $("first-run")?.remove();
    send((found) => found([{ file: new File([content], sample.dataset.sample), path: "" }]));
  });
}

// -- what is being sent ----------------------------------------------------------------------------------------------------------

let lastState = "";
let saying = 0;

function showSending() {
  const { sum } = uploader;
  const strip = $("sending");
  const state = sendingState(sum);
  makeRoom(strip, state === "none" || (strip.dataset.closed === "yes" && !uploader.busy));
  if (state === "none") {
    lastState = state;
    return;
  }
  strip.dataset.state = state;
  setIcon(strip.firstElementChild, { safe: "shield", stuck: "alert", here: "copy", paused: "pause" }[state] ?? "upload");
  setText($("sending-title"), sendingTitle(state, sum));
  setText($("sending-about"), sendingAbout(state, sum));
  setPart($("sending-bar").firstElementChild, sum.bytes ? sum.sent / sum.bytes : 1);
  $("sending-bar").setAttribute("aria-valuenow", sum.bytes ? Math.floor((100 * sum.sent) / sum.bytes) : 100);
  const button = (name, shown) => setHidden(strip.querySelector(`[data-command="${name}"]`), !shown);
  button("pause-sending", state === "sending");
  button("resume-sending", state === "paused");
  button("keep-both", sum.here > 0);
  button("leave-out", sum.here > 0);
  button("retry-sending", sum.refused > 0 && state !== "sending");
  button("cancel-sending", uploader.busy);
  button("dismiss-sending", !uploader.busy);
  if (state === lastState) return;
  lastState = state;
  clearTimeout(saying);
  if (state !== "sending") return say(sendingTitle(state, sum));
  strip.dataset.closed = "";
  saying = setTimeout(() => say(sendingTitle("sending", uploader.sum)), GATHERED);
}

function sendingState(sum) {
  if (!sum.files) return "none";
  if (uploader.busy) return sum.paused && sum.paused + sum.sentFiles + sum.refused + sum.here >= sum.files ? "paused" : "sending";
  if (sum.refused) return "stuck";
  return sum.here ? "here" : "safe";
}

function sendingTitle(state, sum) {
  const all = ngettext("%(count)s file", "%(count)s files", sum.files);
  if (state === "safe") return gettext("%(files)s received. It is safe to close this tab.", { files: all });
  if (state === "here") return ngettext("%(count)s file is in this space already", "%(count)s files are in this space already", sum.here);
  if (state === "stuck") return ngettext("%(count)s file could not be sent", "%(count)s files could not be sent", sum.refused);
  if (state === "paused") return gettext("Paused, %(done)s of %(files)s received", { done: number(sum.sentFiles), files: all });
  return gettext("Sending %(files)s, keep this tab open", { files: all });
}

function sendingAbout(state, sum) {
  if (state === "safe") return dotted(bytes(sum.bytes), gettext("the server goes on by itself"));
  if (state === "here") return gettext("Not sent again. The rest is received, so it is safe to close this tab.");
  if (state === "stuck") return gettext("%(n)s received", { n: number(sum.sentFiles) });
  const parts = [gettext("%(done)s of %(total)s", { done: bytes(sum.sent), total: bytes(sum.bytes) })];
  if (sum.files > 1) parts.push(gettext("%(n)s received", { n: number(sum.sentFiles) }));
  if (state !== "sending") return dotted(...parts);
  const small = sum.bytes / sum.files < SMALL_ON_AVERAGE;
  if (small && sum.pace > 0.1) parts.push(gettext("%(n)s files/s", { n: decimal(Math.round(sum.pace * 10) / 10) }));
  else if (sum.speed > 1) parts.push(`${bytes(sum.speed)}/s`);
  const files = sum.files - sum.sentFiles - sum.refused;
  const seconds = small ? files / sum.pace : (sum.bytes - sum.sent) / sum.speed;
  return dotted(...parts, left(seconds));
}

// -- what people do -------------------------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (!button) return;
  event.preventDefault();
  const { action } = button.dataset;
  const row = button.closest(".row");
  if (row) doTo(row.entry, action);
  else doToAll(button.closest(".batch").card.group, action);
});

function doTo(entry, action) {
  if (!entry) return;
  const { item } = entry;
  const id = entry.id ?? item?.id; // an answer may come before the event
  const queued = item && uploader.items.has(item.key) && !(OF_FILES.has(action) && cameFirst(entry));
  if (queued && QUEUE[action]) QUEUE[action](item);
  else if (id) act({ id, name: entry.name }, action);
}

const OF_FILES = new Set(["retry", "delete"]); // what is done to a file that is there, not to its sending

/** Whether the event of a file has come before the answer to its sending. */
const cameFirst = ({ file, item }) => Boolean(file && file.status !== "receiving" && item.state !== "refused");

const QUEUE = {
  pause: (item) => uploader.one.pause(item),
  resume: (item) => uploader.one.resume(item),
  retry: (item) => uploader.one.retry(item),
  cancel: (item) => uploader.one.cancel(item),
  delete: (item) => uploader.one.cancel(item),
  keep: (item) => uploader.one.keepBoth(item),
  leave: (item) => uploader.one.cancel(item),
};

/** By its batch, or where it has none (what came out of one file) by the files that are here. */
function actOnGroup(group, statuses, action) {
  if (group.batch) return actOnBatch(group.batch, statuses, action);
  const ids = group.entries.filter(({ id, status }) => id && statuses.includes(status)).map(({ id }) => id);
  return ids.length ? actOnAll(ids, action) : null;
}

function doToAll(group, action) {
  const mine = group.entries.filter(({ item }) => item && uploader?.items.has(item.key));
  const verb = action.replace("-all", "");
  for (const { item } of mine) if (verb !== "retry" || item.state === "refused") QUEUE[verb](item);
  if (verb === "retry" && group.numbers.failed) actOnGroup(group, ["failed"], "retry");
  if (verb === "cancel" && (group.numbers.receiving || group.numbers.queued || group.numbers.processing)) actOnGroup(group, ["receiving", "queued", "processing"], "cancel");
}

function rowInFocus() {
  return document.activeElement?.closest(".row") ?? null;
}

function move(step) {
  const links = [...document.querySelectorAll(".row-name")].filter((link) => link.offsetParent);
  links.sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top);
  const at = links.indexOf(document.activeElement);
  const card = document.activeElement?.closest(".held")?.card;
  const focused = card?.rows.focused ?? -1;
  if (card && focused >= 0 && focused + step >= 0 && focused + step < card.rows.items.length) card.rows.focus(focused + step);
  else links[Math.max(0, Math.min(links.length - 1, at < 0 ? 0 : at + step))]?.focus();
}

function learnCommands() {
  command("next", { key: "j", help: gettext("Next file"), run: () => move(1) });
  command("previous", { key: "k", help: gettext("Previous file"), run: () => move(-1) });
  if (!uploader) return;
  command("pick-files", { key: "u", help: gettext("Choose files to send"), run: () => pick(false) });
  command("pick-folder", { key: "U", help: gettext("Choose a folder to send"), run: () => pick(true) });
  command("retry-focused", { key: "r", help: gettext("Retry the file in focus"), run: () => doTo(rowInFocus()?.entry, "retry") });
  command("cancel-focused", { key: "c", help: gettext("Cancel the file in focus"), run: () => doTo(rowInFocus()?.entry, "cancel") });
  command("delete-focused", { key: "Delete", help: gettext("Delete the file in focus"), run: () => doTo(rowInFocus()?.entry, "delete") });
  command("toggle-sending", { key: "p", help: gettext("Pause or resume sending"), run: () => (uploader.stopped ? uploader.all.resume() : uploader.all.pause()) });
  command("pause-sending", { run: () => uploader.all.pause() });
  command("resume-sending", { run: () => uploader.all.resume() });
  command("keep-both", { run: () => uploader.all.keepBoth() });
  command("leave-out", { run: () => uploader.all.leaveOut() });
  command("retry-sending", { run: () => uploader.all.retry() });
  command("cancel-sending", { run: () => uploader.all.cancel() });
  command("dismiss-sending", {
    run: () => {
      $("sending").dataset.closed = "yes";
      makeRoom($("sending"), true);
    },
  });
}

startFrame();
learnCommands();
if (uploader) {
  listenForFiles();
  takeUpAgain();
}
line.start();
pace.start(() => store.counts);
setInterval(() => {
  if (document.hidden) return;
  for (const card of cards.values()) card.tick();
}, CLOCK);
