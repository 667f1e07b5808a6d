// The dashboard: wires the stream, the queue of this page and the cards together.

import { newDrop } from "millrace/admission";
import { Batches } from "millrace/batches";
import { Board } from "millrace/board";
import { boot } from "millrace/boot";
import { $, calmly, setText } from "millrace/dom";
import { Doing } from "millrace/doing";
import { listenForFiles, pick } from "millrace/dropping";
import { Failures } from "millrace/failures";
import { follow } from "millrace/follow";
import { command, say, startFrame, toast } from "millrace/frame";
import { Groups, IN_FLIGHT } from "millrace/groups";
import { endFirstRun, forgetFirstRun, offerSamples } from "millrace/newcomers";
import { notify } from "millrace/notify";
import { Pace } from "millrace/pace";
import { Queue } from "millrace/queue";
import { Sending } from "millrace/sending";
import { Storage } from "millrace/storage";
import { Store } from "millrace/store";
import { Uploader } from "millrace/uploader";
import { gettext, ngettext, number } from "millrace/words";

const FOLLOWS = 3000; // ms until what follows a snapshot has come
const CALM = 90; // ms between two looks at what has changed; a frame each would be for nobody
const CLOCK = 20_000; // ms between two looks at "3 min ago"

const soon = calmly(show, CALM);
const groups = new Groups();
const pace = new Pace();
const storage = new Storage(boot.storage);
const store = new Store((change) => {
  groups.fileChanged(change);
  pace.see(change);
  storage.see(change);
});
const own = new Map(); // batches of this page, by key
const batches = new Batches({
  groups,
  store,
  isShown: (group) => board.holds(group),
  isOwn: (group) => own.has(group.key) && group.complete,
  changed: soon,
});
const board = new Board({ groups, store, pace, isKnown, filled: endFirstRun, shown: (group) => batches.see(group), changed: soon });
const makeRoom = (element, hidden) => board.makeRoom(element, hidden);
const sending = new Sending(makeRoom);
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
      totals: calmly(() => sending.show(uploader), CALM),
      room: () => (storage.quota ? storage.quota - storage.used : Infinity),
    })
  : null;
const queue = new Queue({ groups, changed: soon, makeRoom });
const failures = new Failures(makeRoom);
const doing = new Doing(uploader);

// -- the stream ----------------------------------------------------------------------------------------------------------

const line = follow(store, (now) => {
  board.whole ||= now;
  soon();
}, { snapshot: settle, ready: () => queue.ready(), queue: ({ pauses }) => queue.told(pauses) });

/** A snapshot does not have all that has ended. What was sent, and is neither in it nor in what follows it, is no longer held. */
function settle({ last }) {
  const unheard = last ? groups.unheard() : [];
  if (!unheard.length) return;
  setTimeout(() => {
    groups.letGo(unheard);
    soon();
  }, FOLLOWS);
}

// -- what is shown -------------------------------------------------------------------------------------------------------

function show() {
  if (!isKnown() && !board.waits) return;
  board.show();
  for (const group of groups.endings.splice(0)) ended(group);
  showCounts();
  storage.show();
}

/** Whether there is more to show than what the server rendered. */
function isKnown() {
  return board.whole || Boolean(uploader?.items.size);
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

const countElements = [...document.querySelectorAll("[data-count]")];

function showCounts() {
  if (!store.counts) return;
  for (const element of countElements) setText(element, number(store.counts[element.dataset.count] ?? 0));
  const flight = [...IN_FLIGHT].reduce((sum, status) => sum + (store.counts[status] ?? 0), 0);
  setText($("flight-count"), flight ? number(flight) : "");
  queue.see(store.counts);
  failures.see(store.counts);
}

// -- files coming in -----------------------------------------------------------------------------------------------------

/** Sends what `read(found)` hands over, list by list, as one drop. The words for newcomers go with its first file. */
const take = (read) =>
  send((found) =>
    read((list) => {
      forgetFirstRun();
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

// -- commands ------------------------------------------------------------------------------------------------------------

const toFocused = (action) => () => doing.toRow(document.activeElement?.closest(".row"), action);

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
  command("pick-files", { key: "u", help: gettext("Choose files to send"), run: () => pick(false, take) });
  command("pick-folder", { key: "U", help: gettext("Choose a folder to send"), run: () => pick(true, take) });
  command("retry-focused", { key: "r", help: gettext("Retry the file in focus"), run: toFocused("retry") });
  command("cancel-focused", { key: "c", help: gettext("Cancel the file in focus"), run: toFocused("cancel") });
  command("delete-focused", { key: "Delete", help: gettext("Delete the file in focus"), run: toFocused("delete") });
  command("toggle-sending", { key: "p", help: gettext("Pause or resume sending"), run: () => (uploader.stopped ? uploader.all.resume() : uploader.all.pause()) });
  command("pause-sending", { run: () => uploader.all.pause() });
  command("resume-sending", { run: () => uploader.all.resume() });
  command("keep-both", { run: () => uploader.all.keepBoth() });
  command("leave-out", { run: () => uploader.all.leaveOut() });
  command("retry-sending", { run: () => uploader.all.retry() });
  command("cancel-sending", { run: () => uploader.all.cancel() });
  command("dismiss-sending", { run: () => sending.dismiss() });
}

startFrame();
learnCommands();
if (uploader) {
  listenForFiles(take);
  offerSamples(send);
  takeUpAgain();
}
line.start();
pace.start(() => store.counts);
setInterval(() => {
  if (!document.hidden) board.tick();
}, CLOCK);
