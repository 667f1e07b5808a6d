// What the page of all files is asked to show: its filters, order and layout, in its tools, its address and the API's words.

import { address } from "millrace/boot";
import { $, setHidden, setText } from "millrace/dom";

const MEGABYTE = 1_000_000; // bytes, as sizes are said
const FIELDS = ["q", "status", "kind", "batch", "error", "step", "from", "to", "min", "max"];
const BEHIND = ["from", "to", "min", "max"]; // those behind a button

export const tools = $("tools");
const usual = tools.sort.options[0].value;

/** The view as the tools have it; `layout` is "table" or "gallery". */
export function readView(layout) {
  const view = Object.fromEntries(FIELDS.map((name) => [name, tools.elements[name].value.trim()]));
  setHidden($("filters-count"), !BEHIND.some((name) => view[name]));
  setText($("filters-count"), String(BEHIND.filter((name) => view[name]).length));
  return { ...view, sort: tools.sort.value, view: layout, fits: fitting(view) };
}

/** Puts the address into the tools; returns the layout that it names. */
export function readAddress() {
  const parameters = new URLSearchParams(location.search);
  for (const name of FIELDS) tools.elements[name].value = parameters.get(name) ?? "";
  tools.sort.value = parameters.get("sort") ?? usual;
  return parameters.get("view") ?? "table";
}

export function viewAddress({ sort, view, fits: _fits, ...fields }) {
  return address("/files/", { ...fields, sort: sort === usual ? "" : sort, view: view === "gallery" ? view : "" });
}

/** Empties the filters behind the button. */
export function clearFilters() {
  for (const name of BEHIND) tools.elements[name].value = "";
}

/** Whether a view shows less than all files; but for the fields in `except`. */
export function isFiltered(view, except = []) {
  return FIELDS.some((name) => view[name] && !except.includes(name));
}

/** The filters as the API takes them: days are the reader's own, sizes are in bytes. */
export function query({ q, status, kind, batch, error, step, from, to, min, max }) {
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
