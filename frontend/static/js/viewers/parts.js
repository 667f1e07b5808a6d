// What the viewers are made of: tool bars, facts, grids, messages.

import { h, icon } from "millrace/dom";
import { gettext, number, precise } from "millrace/words";

/** A line of tools above a view. */
export const tools = (left, ...end) => h("div", { class: "view-tools" }, h("span", {}, left), h("span", { class: "end" }, end));

/** A button with an icon only. */
export function iconButton(name, label, run, attributes = {}) {
  return h("button", { class: "button bare small only-icon", type: "button", "aria-label": label, title: label, onclick: run, ...attributes }, icon(name));
}

/** Where a view would be: why there is none. */
export function message(iconName, title, words = "") {
  return h("div", { class: "view-message" }, icon(iconName), h("div", {}, h("h2", {}, title), h("p", {}, words)));
}

/** Facts as a list of terms: pairs [word, value]; those without a value are left out. */
export function facts(pairs, className = "facts wide") {
  const rows = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl", { class: className }, rows.map(([word, value]) => h("div", {}, h("dt", {}, word), h("dd", {}, value))));
}

/** A section of details with a title. */
export function detail(title, ...content) {
  return h("section", { class: "detail card" }, h("h2", {}, title), ...content);
}

const MISSING = () => h("span", { class: "nothing", title: gettext("empty") }, "–");

/** A value of a cell. */
export function cell(value) {
  if (value === null || value === undefined) return MISSING();
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : precise(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A table: `columns` [{name, note, numeric}], `rows` of cells; a row number before each where `numbered`. */
export function grid(columns, rows, { numbered = false, label = "" } = {}) {
  const head = columns.map(({ name, note, numeric }) =>
    h("th", { scope: "col", class: numeric ? "number" : null, title: name }, name, note ? h("span", { class: "column-type" }, note) : null));
  const body = rows.map((row, index) => h("tr", {},
    numbered ? h("th", { scope: "row" }, number(index + 1)) : null,
    row.map((value, at) => {
      const shown = cell(value);
      return h("td", { class: columns[at]?.numeric ? "number" : null, title: typeof shown === "string" && shown.length > 40 ? shown : null }, shown);
    })));
  return h("div", { class: "view-table", tabindex: "0", role: "region", "aria-label": label },
    h("table", { class: "grid" }, h("thead", {}, h("tr", {}, numbered ? h("th", { scope: "col" }, h("span", { class: "unseen" }, gettext("Row"))) : null, head)), h("tbody", {}, body)));
}

/** A number of an element's style, by the element's own hand: style attributes are not let through. */
export function styled(element, properties) {
  for (const [name, value] of Object.entries(properties)) element.style.setProperty(name, value);
  return element;
}
