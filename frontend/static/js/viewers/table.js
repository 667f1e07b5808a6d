// Tables: the first rows as a grid, and a profile of every column.

import { h, icon } from "millrace/dom";
import { detail, facts, grid, message, styled, tools } from "millrace/viewers/parts";
import { dotted, gettext, ngettext, number, precise, told } from "millrace/words";

const TYPES = {
  integer: () => gettext("whole number"),
  number: () => gettext("number"),
  text: () => gettext("text"),
  date: () => gettext("date"),
  datetime: () => gettext("date and time"),
  time: () => gettext("time"),
  boolean: () => gettext("yes or no"),
  empty: () => gettext("empty"),
};
const NUMERIC = new Set(["integer", "number"]);
const typeWord = ({ type, unit }) => dotted(TYPES[type]?.() ?? type, unit);

/** A form of dates as people know it: %d.%m.%Y is DD.MM.YYYY. */
const FORMS = { Y: "YYYY", y: "YY", m: "MM", d: "DD", b: "Mon", B: "Month", H: "hh", I: "hh", M: "mm", S: "ss", p: "AM/PM" };
const written = (form) => form.replace(/%(\w)/g, (all, letter) => FORMS[letter] ?? all);

export function tablePreview(file, result) {
  const tables = result.tables ?? [];
  if (!tables.length || !tables.some(({ rows, columns }) => rows || columns?.length)) return message("table", gettext("An empty table"), gettext("There are no rows in it."));
  const view = h("div", {});
  const words = h("span", { class: "numbers" });
  const bar = tools(words);
  const choose = (index) => {
    const table = tables[index];
    words.textContent = dotted(...(table.above ?? []), size(table));
    const columns = (table.columns ?? []).map((column) => ({ name: column.name, note: typeWord(column), numeric: NUMERIC.has(column.type) }));
    view.replaceChildren(grid(columns, head(table), { numbered: true, label: gettext("First rows") }));
  };
  if (tables.length > 1) {
    const select = h("select", { class: "select", "aria-label": gettext("Table"), onchange: (event) => choose(Number(event.target.value)) },
      tables.map(({ name }, index) => h("option", { value: index }, name ?? gettext("Table %(n)s", { n: index + 1 }))));
    bar.lastElementChild.append(select);
  }
  choose(0);
  return h("div", {}, bar, view);
}

function size({ rows, width, columns, head }) {
  const shown = head && head.length < rows ? gettext("the first %(n)s are shown", { n: number(head.length) }) : "";
  return dotted(ngettext("%(count)s row", "%(count)s rows", rows), ngettext("%(count)s column", "%(count)s columns", width ?? columns?.length ?? 0), shown);
}

export function tableDetails(result) {
  const list = [];
  for (const table of result.tables ?? []) {
    const name = result.tables.length > 1 ? table.name : null;
    if (table.errors_total) list.push(problems(table, name));
    if (table.columns?.length) list.push(detail(dotted(gettext("Columns"), name), h("div", { class: "columns" }, table.columns.map((column) => profile(column, table.rows)))));
  }
  return list;
}

function problems({ errors, errors_total: total }, name) {
  const shown = errors.map(({ line, problem }) => h("li", {}, gettext("Line %(line)s: %(problem)s", { line: number(line), problem: told(problem) })));
  return h("div", { class: "note warn" }, icon("alert"), h("div", {},
    h("strong", {}, dotted(ngettext("%(count)s row is not as it should be", "%(count)s rows are not as they should be", total), name)), h("ul", {}, shown)));
}

function profile(column, rows) {
  const empty = rows ? column.nulls / rows : 0;
  return h("section", { class: "column" },
    h("h3", {}, h("span", { class: "cut", title: column.name }, column.name), h("small", {}, typeWord(column))),
    column.histogram?.length > 1 ? histogram(column.histogram) : null,
    !column.histogram && column.top?.length ? tops(column.top, rows) : null,
    facts([
      [gettext("Empty"), column.nulls ? `${precise(Math.round(empty * 1000) / 10)} %` : null],
      [gettext("Written as"), /^%[bdBm]/.test(column.form ?? "") ? written(column.form) : null],
      [gettext("Not fitting"), column.invalid ? invalid(column) : null],
      [gettext("Different"), `${column.distinct_exact === false ? "≈ " : ""}${number(column.distinct)}`],
      [gettext("From"), amount(column, column.min)],
      [gettext("To"), amount(column, column.max)],
      [gettext("Mean"), amount(column, column.mean)],
      [gettext("Median"), amount(column, column.quantiles?.p50)],
      [gettext("Deviation"), amount(column, column.std)],
      [gettext("Length"), column.length ? `${number(column.length.min)}–${number(column.length.max)}` : null],
    ], "facts"));
}

const invalid = ({ invalid: count, invalid_shown: shown }) => `${number(count)} (${shown.map(({ value: word }) => `“${word}”`).join(", ")})`;
const value = (found) => (typeof found === "number" ? precise(found) : plain(found));

const amount = ({ unit }, found) => (unit && typeof found === "number" ? `${value(found)} ${unit}` : value(found));

const MOMENT = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d/;
const MIDNIGHT = /[T ]00:00:00(?:\.0+)?$/;

/** A moment as people write it: a day where it is its beginning, which is how workbooks keep days. */
const plain = (found) => (MOMENT.test(found) ? found.replace(MIDNIGHT, "").replace("T", " ") : found);

/** The first rows, with days as days in columns that hold nothing else. */
function head({ columns, head: rows = [] }) {
  const days = (columns ?? []).map(({ type }, place) => type === "datetime" && rows.every((row) => !MOMENT.test(row[place]) || MIDNIGHT.test(row[place])));
  return rows.map((row) => row.map((cell, place) => (days[place] ? plain(cell) : cell)));
}

function histogram(bins) {
  const most = Math.max(...bins.map(({ count }) => count)) || 1;
  const label = gettext("Histogram from %(from)s to %(to)s", { from: value(bins[0].from), to: value(bins.at(-1).to) });
  return h("div", { class: "bars", role: "img", "aria-label": label },
    bins.map(({ from, to, count }) => styled(h("i", { title: `${value(from)} – ${value(to)}: ${number(count)}` }), { "--part": String(count / most) })));
}

function tops(list, rows) {
  const most = list[0].count;
  return h("ol", { class: "tops" }, list.slice(0, 6).map(({ value: word, count }) =>
    styled(h("li", { title: `${word}: ${number(count)}` }, h("span", { class: "cut" }, word), h("span", { class: "numbers" }, rows ? `${precise(Math.round((count / rows) * 1000) / 10)} %` : number(count))), { "--part": String(count / most) })));
}

const DELIMITERS = { ",": () => gettext("comma"), ";": () => gettext("semicolon"), "\t": () => gettext("tab"), "|": () => gettext("bar") };

export function tableFacts(result) {
  const [table] = result.tables ?? [];
  return [
    [gettext("Sheets"), result.sheets > 1 ? number(result.sheets) : null],
    [gettext("Hidden"), result.hidden?.length ? result.hidden.join(", ") : null],
    [gettext("Macros"), result.macros ? gettext("yes") : null],
    [gettext("Formulas"), result.formulas ? number(result.formulas) : null],
    [gettext("Made with"), result.created_by],
    [gettext("Codecs"), Array.isArray(result.codecs) ? result.codecs.join(", ") : result.codecs],
    [gettext("Rows"), table ? number(table.rows) : null],
    [gettext("Columns"), table ? number(table.width ?? table.columns?.length ?? 0) : null],
    [gettext("Separator"), DELIMITERS[result.delimiter]?.() ?? result.delimiter],
    [gettext("Encoding"), result.encoding],
    [gettext("Header"), result.header === undefined ? null : result.header ? gettext("yes") : gettext("no")],
  ];
}

