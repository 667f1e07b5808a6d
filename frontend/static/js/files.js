// The page of all files: fetches pages as one scrolls, keeps them true by the stream, lets many be chosen.

import { actOnAll } from "millrace/actions";
import { keepBeside } from "millrace/beside";
import { address, ask, boot, proof } from "millrace/boot";
import { $, breathe, clone, h, inFrame, setData, setHidden, setIcon, setText } from "millrace/dom";
import { follow } from "millrace/follow";
import { command, complain, say, startFrame, toast } from "millrace/frame";
import { Listing } from "millrace/listing";
import { look } from "millrace/look";
import { telling } from "millrace/row";
import { Store } from "millrace/store";
import { showTile } from "millrace/tile";
import { VirtualRows } from "millrace/virtual";
import { KIND, MARK, STATUS, ago, bytes, dotted, gettext, ngettext, number, when } from "millrace/words";

const PAGE = 100; // files fetched at once
const AGAIN = 500; // files fetched at once for somebody who comes back to a place far below
const FARTHEST = 20_000; // rows down that such a place is found again
const AT_REST = 150; // ms without scrolling until the place is kept
const MOST = 2000; // files held while nobody has scrolled to them; beyond it the list begins anew
const AHEAD = 30; // rows before the end at which the next page is asked for
const TYPING = 180; // ms of rest before a search is sent
const CARD_WIDTH = 220; // px, least
const CLOCK = 20_000; // ms
const MEGABYTE = 1_000_000; // bytes, as sizes are said
const ZIP_IDS = 1000; // files that one zip can be asked for by their ids
const FIELDS = ["q", "status", "kind", "batch", "error", "step", "from", "to", "min", "max"];
const BEHIND = ["from", "to", "min", "max"]; // those behind a button

const tools = $("tools");
const sheet = $("sheet");
let listing = new Listing(readView());
let fetching = null;
const chosen = new Set();
let anchor = ""; // the id of the file that a range of choices starts from
let clock = 0;

// -- the view, which the address holds -----------------------------------------------------------------------------------

function readView() {
  const view = Object.fromEntries(FIELDS.map((name) => [name, tools.elements[name].value.trim()]));
  setHidden($("filters-count"), !BEHIND.some((name) => view[name]));
  setText($("filters-count"), String(BEHIND.filter((name) => view[name]).length));
  return { ...view, sort: tools.sort.value, view: sheet.dataset.view || "table", fits: fitting(view) };
}

function viewAddress({ sort, view, fits: _fits, ...fields }) {
  return address("/files/", { ...fields, sort: sort === tools.sort.options[0].value ? "" : sort, view: view === "gallery" ? view : "" });
}

/** The filters as the API takes them: days are the reader's own, sizes are in bytes. */
function query({ q, status, kind, batch, error, step, from, to, min, max }) {
  const day = (text, later = 0) => {
    const [year, month, date] = text.split("-").map(Number);
    return new Date(year, month - 1, date + later).toISOString();
  };
  const size = (text) => Math.round(Number(text) * MEGABYTE);
  return { q, status, kind, batch, error, step, since: from && day(from), until: to && day(to, 1), min_size: min && size(min), max_size: max && size(max) };
}

/** Whether a file that the stream tells of passes what the list itself does not look at. */
function fitting(view) {
  const { error, step, since, until, min_size: least, max_size: most } = query(view);
  return (file) =>
    (!error || file.error?.code === error) && (!step || file.error?.step === step) &&
    (!since || file.created_at >= since) && (!until || file.created_at < until) &&
    (least === "" || (file.size ?? -1) >= least) && (most === "" || (file.size ?? Infinity) <= most);
}

function changeView({ push = false } = {}) {
  const view = readView();
  history[push ? "pushState" : "replaceState"](null, "", viewAddress(view));
  listing = new Listing(view);
  clearChoice();
  fetching?.abort();
  fetching = null;
  fetchMore({ fresh: true });
}

addEventListener("popstate", ({ state }) => {
  const parameters = new URLSearchParams(location.search);
  for (const name of FIELDS) tools.elements[name].value = parameters.get(name) ?? "";
  tools.sort.value = parameters.get("sort") ?? tools.sort.options[0].value;
  setLayout(parameters.get("view") ?? "table");
  listing = new Listing(readView());
  fetching?.abort();
  fetching = null;
  if (state?.top) comeBack(state.top);
  else fetchMore({ fresh: true });
});

let typing = 0;
tools.addEventListener("input", (event) => {
  clearTimeout(typing);
  if (event.target.name === "q") typing = setTimeout(changeView, TYPING);
});
tools.addEventListener("change", (event) => {
  if (event.target.name !== "q") changeView({ push: true });
});
tools.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typing);
  changeView({ push: true });
});

// -- pages ---------------------------------------------------------------------------------------------------------------

async function fetchMore({ fresh = false, limit = PAGE } = {}) {
  if (fetching || listing.next === null) return;
  const current = listing;
  fetching = new AbortController();
  const { signal } = fetching;
  try {
    const page = await fetchPage(current, limit, signal);
    if (current !== listing) return;
    if (fresh) scrollTo(0, Math.min(scrollY, sheet.offsetTop));
    fetching = null;
    show();
    if (page.items.length < limit / 2 && page.next) await fetchMore(); // a search may find few in what one page looks at
  } catch (error) {
    if (error.name === "AbortError") return;
    fetching = null;
    complain(error);
  }
}

/** Adds the next page to a list, and what has happened since it was asked for. */
async function fetchPage(to, limit, signal) {
  const parameters = { ...query(to.view), sort: to.view.sort, limit, cursor: to.next ?? "" };
  const [page, missed] = await store.meanwhile(ask("GET", "/api/files/", { parameters, signal }));
  to.add(page);
  for (const change of missed) to.change(change);
  return page;
}

/** Fetches as far as somebody was, and goes there. */
async function comeBack(top) {
  const current = listing;
  const needed = Math.min(FARTHEST, Math.ceil((top + innerHeight) / height) * columns);
  while (current.next !== null && current.items.length < needed) {
    const { next } = current;
    if (fetching) await breathe();
    else await fetchMore({ limit: Math.max(PAGE, Math.min(AGAIN, needed - current.items.length)) });
    if (current !== listing || (!fetching && current.next === next)) return; // another view; or the server is away
  }
  rows.set(current.items);
  scrollTo({ top, behavior: "instant" });
}

/** The place is kept with the page's entry in the history. */
const keepPlace = () => history.replaceState({ top: scrollY }, "");
let scrolling = 0;
addEventListener("scroll", () => {
  clearTimeout(scrolling);
  scrolling = setTimeout(keepPlace, AT_REST);
}, { passive: true });
document.addEventListener("click", keepPlace, { capture: true }); // it may lead away before the list has come to rest
$("lines").addEventListener("click", ({ target }) => {
  const line = target.closest("a[href]")?.closest("[data-id]");
  if (line) keepBeside(listing.items, line.dataset.id, location.pathname + location.search);
}, { capture: true });

/** Fetches the same list anew, and so many of its files at least. */
async function beginAnew(least = PAGE) {
  const current = listing;
  const fresh = new Listing(current.view);
  fetching?.abort();
  fetching = new AbortController();
  const { signal } = fetching;
  try {
    do {
      await fetchPage(fresh, Math.max(PAGE, Math.min(AGAIN, least - fresh.items.length)), signal);
      if (current !== listing) return;
    } while (fresh.next !== null && fresh.items.length < least);
    for (const { id, finished_at: ended } of current.items) if (ended && !fresh.byId.has(id)) store.forget(id);
    listing = fresh;
    for (const id of chosen) if (!fresh.byId.has(id)) forgetChoice(id);
  } catch {
    if (signal.aborted) return; // whoever did that fetches for themselves
  }
  fetching = null;
  show();
}

function seen() {
  const rows = $("lines").querySelectorAll("[data-index]");
  const last = rows.length ? Number(rows[rows.length - 1].dataset.index) : 0;
  if (last >= listing.items.length - AHEAD) fetchMore();
}
const seenLater = () => inFrame(seen); // in the same frame, once the rows are those that are seen
addEventListener("scroll", () => inFrame(seenLater), { passive: true });

// -- rows ----------------------------------------------------------------------------------------------------------------

const gallery = () => sheet.dataset.view === "gallery";
let columns = 1;
let height = 60;

function measureSheet() {
  columns = gallery() ? Math.max(2, Math.floor(sheet.clientWidth / CARD_WIDTH)) : 1;
  height = parseFloat(getComputedStyle(sheet).getPropertyValue("--line-height"));
  sheet.style.setProperty("--columns", columns);
}
addEventListener("resize", () => inFrame(measureSheet));

const rows = new VirtualRows($("lines"), {
  create: () => clone("line-template"),
  patch: patchLine,
  keyOf: (file) => file.id,
  versionOf: () => clock,
  columns: () => columns,
  height: () => height,
});

function parts(line) {
  const find = (selector) => line.querySelector(selector);
  line.parts ??= {
    check: find(".check"),
    tile: find(".tile"),
    name: find(".line-name"),
    about: find(".line-about"),
    mark: find(".mark .icon"),
    word: find(".mark-word"),
    kind: find(".line-kind"),
    size: find(".line-size"),
    time: find("time"),
  };
  return line.parts;
}

function patchLine(line, file, index) {
  const part = parts(line);
  setData(line, "id", file.id);
  setData(line, "status", file.status);
  setData(line, "kind", file.kind ?? "");
  line.setAttribute("aria-rowindex", index + 2);
  part.check.checked = chosen.has(file.id);
  line.setAttribute("aria-selected", part.check.checked);
  part.check.setAttribute("aria-label", gettext("Select %(name)s", { name: file.name }));
  showTile(part.tile, file.kind, file.thumbnail);
  setText(part.name, file.name);
  part.name.title = file.path || file.name;
  part.name.setAttribute("href", address(`/files/${file.id}/`));
  setText(part.about, about(file) || (gallery() ? dotted(KIND[file.kind] ?? "", bytes(file.size)) : ""));
  setIcon(part.mark, MARK[file.status]);
  part.mark.classList.toggle("spin", file.status === "processing");
  setText(part.word, STATUS[file.status]);
  setText(part.kind, KIND[file.kind] ?? "");
  setText(part.size, bytes(file.size));
  setText(part.time, ago(file.created_at));
  part.time.dateTime = file.created_at;
  part.time.title = when(file.created_at);
}

function about(file) {
  if (file.status === "processed" || file.status === "cancelled") return file.path ? file.path.slice(0, -file.name.length).replace(/\/$/, "") : "";
  return telling({ file, size: file.size, receivedBytes: file.received }, file.status);
}

function show() {
  rows.set(listing.items);
  tickAll();
  const none = listing.items.length === 0 && listing.next === null;
  setHidden(sheet, none);
  setHidden($("empty"), !none);
  if (none) showEmpty();
  setText($("total"), total());
  setHidden($("zip-view"), listing.items.length === 0);
  sheet.setAttribute("aria-rowcount", listing.next === null ? listing.items.length + 1 : -1);
  const fresh = $("fresh");
  setHidden(fresh, listing.unseen === 0);
  if (listing.unseen) setText(fresh.firstElementChild, ngettext("Show %(count)s new file", "Show %(count)s new files", listing.unseen));
  inFrame(seen);
}

function filtered() {
  return FIELDS.some((name) => listing.view[name]);
}

function total() {
  const { status } = listing.view;
  if (listing.next === null) return number(listing.items.length);
  if (FIELDS.some((name) => name !== "status" && listing.view[name]) || !store.counts) return `${number(listing.items.length)}+`;
  return number(status ? store.counts[status] : Object.values(store.counts).reduce((sum, count) => sum + count, 0));
}

function showEmpty() {
  const some = filtered();
  setText($("empty-title"), some ? gettext("Nothing fits") : gettext("No files yet"));
  setText($("empty-words"), some ? gettext("Try other words, or fewer filters.") : gettext("What you send on the dashboard is listed here."));
  const go = $("empty-go");
  setText(go, some ? gettext("Show all files") : gettext("To the dashboard"));
  go.href = address(some ? "/files/" : "/");
}

// -- the stream ------------------------------------------------------------------------------------------------------------

const store = new Store((change) => {
  const moved = listing.change(change);
  if (moved < 0) forgetChoice(change.file.id);
  if (moved && Math.floor((Math.abs(moved) - 1) / columns) * height < -$("lines").getBoundingClientRect().top) shift += Math.sign(moved);
  if (change.type === "put" && !listing.byId.has(change.file.id) && change.file.finished_at) store.forget(change.file.id);
});
let shift = 0; // rows that came or went above what is seen

/** A page that was away for too long to be told what happened does not know which files are gone. */
const caughtUp = ({ last, reason }) => last && reason !== "first" && beginAnew(Math.min(FARTHEST, listing.items.length));

const line = follow(store, () => inFrame(showLive), { snapshot: caughtUp });

function showLive() {
  show();
  if (listing.items.length > MOST && !fetching && !chosen.size && scrollY < innerHeight) beginAnew(); // new ones come in on top for hours: lets go of what lies far below
  if (shift && columns === 1) {
    rows.render();
    scrollBy({ top: shift * height, behavior: "instant" });
  }
  shift = 0;
}

// -- choosing ----------------------------------------------------------------------------------------------------------------

function clearChoice() {
  chosen.clear();
  anchor = "";
  showChoice();
}

function forgetChoice(id) {
  if (chosen.delete(id)) showChoice();
}

/** By id, since rows come and go: a place may be another file's before it is drawn. */
function choose(id, on, { range = false } = {}) {
  const place = (wanted) => listing.items.findIndex((file) => file.id === wanted);
  const places = [id, ...(range ? [anchor] : [])].map(place).filter((at) => at >= 0);
  for (const file of listing.items.slice(Math.min(...places), Math.max(...places) + 1)) {
    if (on) chosen.add(file.id);
    else chosen.delete(file.id);
  }
  anchor = id;
  showChoice();
}

function showChoice() {
  clock += 1;
  setHidden($("selected"), chosen.size === 0);
  if (chosen.size) setText($("selected-words"), ngettext("%(count)s selected", "%(count)s selected", chosen.size));
  rows.set(listing.items);
  tickAll();
}

function tickAll() {
  const all = $("select-all");
  all.checked = chosen.size > 0 && chosen.size === listing.items.length;
  all.indeterminate = chosen.size > 0 && !all.checked;
}

$("lines").addEventListener("click", (event) => {
  const check = event.target.closest(".check");
  if (check) choose(check.closest(".line").dataset.id, check.checked, { range: event.shiftKey });
});
$("select-all").addEventListener("change", (event) => {
  for (const { id } of listing.items) {
    if (event.target.checked) chosen.add(id);
    else chosen.delete(id);
  }
  showChoice();
});

async function onChosen(action, statuses = null) {
  const ids = listing.chosen(chosen).filter(({ status }) => !statuses || statuses.includes(status)).map(({ id }) => id);
  if (!ids.length) {
    say(gettext("None of them can be tried again now."));
    return;
  }
  const before = [...chosen];
  if (!(await actOnAll(ids, action))) return;
  for (const id of before) chosen.delete(id); // others may have been selected meanwhile
  showChoice();
}

// -- downloads ---------------------------------------------------------------------------------------------------------------

/** All that is listed, as far as one zip holds it: asked first, so that a refusal leaves this page as it is. */
async function zipView() {
  const parameters = query(listing.view);
  try {
    await ask("HEAD", "/api/files/zip/", { parameters });
    location.assign(address("/api/files/zip/", parameters));
  } catch ({ status }) {
    if (status === 413) toast(gettext("These are more files than one zip holds. Use a filter, or select some."), { mood: "bad" });
    else if (status === 404) toast(gettext("None of these files has been received whole."), { mood: "bad" });
    else complain({ message: "" });
  }
}

function zipChosen() {
  const ids = listing.chosen(chosen).filter(({ status }) => status !== "receiving").map(({ id }) => id);
  if (ids.length > ZIP_IDS) {
    toast(gettext("At most %(n)s files can be selected for one zip.", { n: number(ZIP_IDS) }), { mood: "bad" });
    return;
  }
  if (!ids.length) {
    toast(gettext("None of these files has been received whole."), { mood: "bad" });
    return;
  }
  const field = (name, value) => h("input", { type: "hidden", name, value });
  const form = h("form", { method: "post", action: address("/api/files/zip/form/"), hidden: true }, field("csrfmiddlewaretoken", proof()[boot.csrf.header]), field("ids", ids.join(",")));
  document.body.append(form);
  form.submit();
  form.remove();
}

// -- commands ----------------------------------------------------------------------------------------------------------------

function setLayout(view) {
  sheet.dataset.view = view;
  for (const each of ["table", "gallery"]) document.querySelector(`[data-command="view-${each}"]`).setAttribute("aria-pressed", String(each === view));
  measureSheet();
  rows.set(listing.items);
}

function layout(view) {
  setLayout(view);
  history.replaceState(null, "", viewAddress(readView()));
}

function chooseFocused() {
  const { id } = rows.focused < 0 ? {} : document.activeElement.closest(".line").dataset;
  if (id) choose(id, !chosen.has(id));
}

const step = (by) => () => rows.focus(rows.focused < 0 ? 0 : rows.focused + by);

/** A quick look at the file in focus; the focus comes back to that which was seen last. */
function lookAtFocused() {
  const place = (id) => listing.items.findIndex((file) => file.id === id);
  look(listing.items[rows.focused], {
    beside: ({ id }, by) => listing.items[place(id) + by],
    closed: ({ id }) => place(id) >= 0 && rows.focus(place(id)),
  });
}

function learnCommands() {
  command("search", { key: "/", help: gettext("Search"), run: () => tools.q.select() });
  command("next", { key: "j", help: gettext("Next file"), run: step(1) });
  command("previous", { key: "k", help: gettext("Previous file"), run: step(-1) });
  command("look", { key: " ", help: gettext("Quick look"), run: lookAtFocused, when: ({ target }) => Boolean(target.closest?.(".line-name")) });
  command("select", { key: "x", help: gettext("Select the file in focus"), run: chooseFocused });
  command("view-table", { key: "v t", help: gettext("Table"), run: () => layout("table") });
  command("view-gallery", { key: "v g", help: gettext("Gallery"), run: () => layout("gallery") });
  command("clear-selection", { key: "Escape", help: gettext("Clear the selection"), run: clearChoice });
  command("zip-view", { run: zipView });
  command("zip-selected", { key: "d", help: gettext("Download the selected files"), run: () => chosen.size && zipChosen() });
  command("clear-filters", {
    run: () => {
      for (const name of BEHIND) tools.elements[name].value = "";
      changeView({ push: true });
    },
  });
  command("show-new", { run: () => changeView() });
  if (!boot.mayUpload) return;
  command("retry-selected", { key: "r", help: gettext("Retry the selected files"), run: () => onChosen("retry", ["failed", "cancelled", "processed"]) });
  command("delete-selected", { key: "Delete", help: gettext("Delete the selected files"), run: () => onChosen("delete") });
}

startFrame();
learnCommands();
setLayout(sheet.dataset.view || "table");
if (history.state?.top) comeBack(history.state.top);
else fetchMore();
line.start();
setInterval(() => {
  clock += 1;
  rows.set(listing.items);
}, CLOCK);
