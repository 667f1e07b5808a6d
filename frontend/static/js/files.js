// The page of all files: fetches pages as one scrolls, keeps them true by the stream, lets many be chosen.

import { actOnAll } from "millrace/actions";
import { keepBeside } from "millrace/beside";
import { address, ask, boot } from "millrace/boot";
import { Choice } from "millrace/choice";
import { $, breathe, inFrame, setHidden, setText } from "millrace/dom";
import { clearFilters, isFiltered, query, readAddress, readView, tools, viewAddress } from "millrace/filters";
import { follow } from "millrace/follow";
import { command, complain, say, startFrame } from "millrace/frame";
import { Listing } from "millrace/listing";
import { look } from "millrace/look";
import { Sheet } from "millrace/sheet";
import { Store } from "millrace/store";
import { gettext, ngettext, number } from "millrace/words";
import { zipFiles, zipListed } from "millrace/zips";

const PAGE = 100; // files fetched at once
const AGAIN = 500; // files fetched at once for somebody who comes back to a place far below
const FARTHEST = 20_000; // rows down that such a place is found again
const AT_REST = 150; // ms without scrolling until the place is kept
const MOST = 2000; // files held while nobody has scrolled to them; beyond it the list begins anew
const AHEAD = 30; // rows before the end at which the next page is asked for
const TYPING = 180; // ms of rest before a search is sent
const CLOCK = 20_000; // ms

const sheet = new Sheet((id) => choice.has(id));
const { rows } = sheet;
const choice = new Choice({ items: () => listing.items, changed: () => sheet.refresh(listing.items) });
let listing = new Listing(readView(sheet.layout));
let fetching = null;

// -- the view ------------------------------------------------------------------------------------------------------------

function changeView({ push = false } = {}) {
  const view = readView(sheet.layout);
  history[push ? "pushState" : "replaceState"](null, "", viewAddress(view));
  listing = new Listing(view);
  choice.clear();
  fetching?.abort();
  fetching = null;
  fetchMore({ fresh: true });
}

addEventListener("popstate", ({ state }) => {
  sheet.lay(readAddress(), listing.items);
  listing = new Listing(readView(sheet.layout));
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
    if (fresh) scrollTo(0, Math.min(scrollY, sheet.element.offsetTop));
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
  const needed = Math.min(FARTHEST, Math.ceil((top + innerHeight) / sheet.height) * sheet.columns);
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
    choice.forget([...choice.ids].filter((id) => !fresh.byId.has(id)));
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

// -- what is shown -------------------------------------------------------------------------------------------------------

function show() {
  rows.set(listing.items);
  choice.tickAll();
  const none = listing.items.length === 0 && listing.next === null;
  setHidden(sheet.element, none);
  setHidden($("empty"), !none);
  if (none) showEmpty();
  setText($("total"), total());
  setHidden($("zip-view"), listing.items.length === 0);
  sheet.element.setAttribute("aria-rowcount", listing.next === null ? listing.items.length + 1 : -1);
  const fresh = $("fresh");
  setHidden(fresh, listing.unseen === 0);
  if (listing.unseen) setText(fresh.firstElementChild, ngettext("Show %(count)s new file", "Show %(count)s new files", listing.unseen));
  inFrame(seen);
}

function total() {
  const { status } = listing.view;
  if (listing.next === null) return number(listing.items.length);
  if (isFiltered(listing.view, ["status"]) || !store.counts) return `${number(listing.items.length)}+`;
  return number(status ? store.counts[status] : Object.values(store.counts).reduce((sum, count) => sum + count, 0));
}

function showEmpty() {
  const some = isFiltered(listing.view);
  setText($("empty-title"), some ? gettext("Nothing fits") : gettext("No files yet"));
  setText($("empty-words"), some ? gettext("Try other words, or fewer filters.") : gettext("What you send on the dashboard is listed here."));
  const go = $("empty-go");
  setText(go, some ? gettext("Show all files") : gettext("To the dashboard"));
  go.href = address(some ? "/files/" : "/");
}

// -- the stream ------------------------------------------------------------------------------------------------------------

const store = new Store((change) => {
  const moved = listing.change(change);
  if (moved < 0) choice.forget([change.file.id]);
  if (moved && Math.floor((Math.abs(moved) - 1) / sheet.columns) * sheet.height < -$("lines").getBoundingClientRect().top) shift += Math.sign(moved);
  if (change.type === "put" && !listing.byId.has(change.file.id) && change.file.finished_at) store.forget(change.file.id);
});
let shift = 0; // rows that came or went above what is seen

/** A page that was away for too long to be told what happened does not know which files are gone. */
const caughtUp = ({ last, reason }) => last && reason !== "first" && beginAnew(Math.min(FARTHEST, listing.items.length));

const line = follow(store, () => inFrame(showLive), { snapshot: caughtUp });

function showLive() {
  show();
  if (listing.items.length > MOST && !fetching && !choice.size && scrollY < innerHeight) beginAnew(); // new ones come in on top for hours: lets go of what lies far below
  if (shift && sheet.columns === 1) {
    rows.render();
    scrollBy({ top: shift * sheet.height, behavior: "instant" });
  }
  shift = 0;
}

// -- commands ------------------------------------------------------------------------------------------------------------

async function onChosen(action, statuses = null) {
  const ids = listing.chosen(choice.ids).filter(({ status }) => !statuses || statuses.includes(status)).map(({ id }) => id);
  if (!ids.length) {
    say(gettext("None of them can be tried again now."));
    return;
  }
  const before = [...choice.ids];
  if (!(await actOnAll(ids, action))) return;
  choice.forget(before); // others may have been selected meanwhile
}

function layout(view) {
  sheet.lay(view, listing.items);
  history.replaceState(null, "", viewAddress(readView(sheet.layout)));
}

function chooseFocused() {
  const { id } = rows.focused < 0 ? {} : document.activeElement.closest(".line").dataset;
  if (id) choice.choose(id, !choice.has(id));
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
  command("clear-selection", { key: "Escape", help: gettext("Clear the selection"), run: () => choice.clear() });
  command("zip-view", { run: () => zipListed(query(listing.view)) });
  command("zip-selected", { key: "d", help: gettext("Download the selected files"), run: () => choice.size && zipFiles(listing.chosen(choice.ids)) });
  command("clear-filters", {
    run: () => {
      clearFilters();
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
sheet.lay(sheet.layout, listing.items);
if (history.state?.top) comeBack(history.state.top);
else fetchMore();
line.start();
setInterval(() => sheet.refresh(listing.items), CLOCK);
