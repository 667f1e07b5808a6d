// What people write: documents and mails as text with their outline, fonts by their specimen.

import { h, icon } from "millrace/dom";
import { detail, facts, grid, message, tools } from "millrace/viewers/parts";
import { paper } from "millrace/viewers/paper";
import { bytes, dotted, gettext, ngettext, number, pgettext, when } from "millrace/words";

const readable = (value) => (value && /^\d{4}-\d\d-\d\dT/.test(value) ? when(value) : value);

// -- documents -------------------------------------------------------------------------------------------------------------

export function officePreview(file, result, { artifact }) {
  if (result.locked) return message("office", gettext("It is locked with a password."));
  const picture = artifact("office", "thumbnail.webp");
  const said = dotted(result.slides ? ngettext("%(count)s slide", "%(count)s slides", result.slides) : "", ngettext("%(count)s word", "%(count)s words", result.words ?? 0), result.text_truncated ? gettext("the beginning is shown") : "");
  if (!result.head?.trim()) return picture ? h("div", {}, tools(said), h("div", { class: "page-large" }, h("img", { src: picture.url, alt: gettext("First page") }))) : message("office", gettext("There is nothing to read in it."));
  return h("div", {}, tools(said), h("div", { class: "view-text page-of-text", tabindex: "0", role: "region", "aria-label": gettext("Text") }, h("div", { class: "paper" }, marked(result.head))));
}

/** Text in which the step marked headings, points and tables as Markdown does. */
function marked(text) {
  const shown = [];
  let rows = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("| ")) rows.push(line);
    else if (!RULE.test(line)) {
      if (rows.length) shown.push(table(rows));
      rows = [];
      const heading = /^#{1,6} (.*)$/.exec(line);
      shown.push(...(heading ? [h("strong", {}, heading[1]), "\n"] : [`${line.replace(/^(\s*)- /, "$1• ")}\n`]));
    }
  }
  if (rows.length) shown.push(table(rows));
  return shown;
}

const RULE = /^\|(?:---\|)+$/; // below a table's first row
const BAR = /(?<!\\)\|/; // between two cells

function table(lines) {
  const [first, ...rest] = lines.map((line) => line.slice(1).replace(/\|\s*$/, "").split(BAR).map((cell) => cell.trim().replaceAll("\\|", "|")));
  const row = (cells, name) => h("tr", {}, cells.map((cell) => h(name, name === "th" ? { scope: "col" } : {}, cell)));
  return h("div", { class: "text-table" }, h("table", {}, h("thead", {}, row(first, "th")), h("tbody", {}, rest.map((cells) => row(cells, "td")))));
}

export function officeDetails(result) {
  const alarms = [
    result.macros && gettext("it holds macros"),
    result.outside_links?.length && ngettext("%(count)s link leads outside", "%(count)s links lead outside", result.outside_links.length),
    result.embedded && ngettext("%(count)s object is embedded", "%(count)s objects are embedded", result.embedded),
    result.changes && ngettext("%(count)s tracked change", "%(count)s tracked changes", result.changes),
    result.comments && ngettext("%(count)s comment", "%(count)s comments", result.comments),
  ].filter(Boolean);
  return [
    alarms.length ? h("p", { class: "note warn" }, icon("alert"), h("span", {}, dotted(...alarms))) : null,
    result.outline?.length ? outline(result.outline) : null,
  ].filter(Boolean);
}

export function officeFacts(result) {
  const meta = result.metadata ?? {};
  return [
    [gettext("Title"), meta.title],
    [gettext("Author"), meta.author],
    [gettext("Created"), readable(meta.created)],
    [gettext("Changed"), readable(meta.modified)],
    [gettext("Pages"), meta.pages],
    [gettext("Slides"), result.slides ? number(result.slides) : null],
    [gettext("Words"), result.words ? number(result.words) : null],
    [gettext("Tables"), result.tables ? number(result.tables) : null],
    [gettext("Pictures"), result.pictures ? number(result.pictures) : null],
  ];
}

// -- Markdown --------------------------------------------------------------------------------------------------------------

export const markdownPreview = (file, result, tools) => written("markdown", file, result, tools);
export const notebookPreview = (file, result, tools) => written("notebook", file, result, tools);

function written(step, file, result, { artifact }) {
  const page = artifact(step, "page.html");
  if (!page || !file.size) return null;
  const said = dotted(result.title, result.truncated ? gettext("the beginning is shown") : "");
  return h("div", {}, said ? tools(said) : null, paper(page.url, gettext("Text")));
}

export function markdownDetails(result) {
  const list = result.outline?.length > 1 ? [outline(result.outline)] : [];
  if (result.links?.length) list.push(detail(gettext("Links lead to"), h("p", {}, result.links.join(", "))));
  return list;
}

export function notebookDetails(result) {
  const wrong = (result.errors ?? []).map(({ cell, message: words }) => h("li", {}, gettext("Cell %(n)s: %(problem)s", { n: number(cell), problem: words })));
  return [wrong.length ? h("div", { class: "note warn" }, icon("alert"), h("ul", {}, wrong)) : null, ...markdownDetails(result)].filter(Boolean);
}

export function notebookFacts({ language, cells = {}, pictures }) {
  return [
    [gettext("Language"), language],
    [gettext("Cells"), number(Object.values(cells).reduce((sum, count) => sum + count, 0))],
    [gettext("Pictures"), pictures ? number(pictures) : null],
  ];
}

const outline = (entries) => detail(gettext("Outline"), h("ol", { class: "outline" }, entries.map(({ level, text }) => h("li", { "data-level": Math.max(0, Math.min((level ?? 1) - 1, 4)) }, text))));

// -- mail ------------------------------------------------------------------------------------------------------------------

const person = ({ name, address }) => (name && address ? `${name} <${address}>` : name || address);
const people = (list) => (Array.isArray(list) ? list.map(person).join(", ") : list && typeof list === "object" ? person(list) : list);

export function mailPreview(file, result, { artifact }) {
  if (result.messages !== undefined) return mailbox(result);
  const head = facts([[gettext("From"), people(result.from)], [pgettext("mail", "To"), people(result.to)], [gettext("Copy to"), people(result.cc)], [gettext("Date"), readable(result.date)]]);
  const page = result.html ? artifact("mail", "body.html") : null;
  return h("div", { class: "view-mail" }, h("header", {}, h("h2", {}, result.subject || gettext("Without a subject")), head),
    page ? paper(page.url, gettext("Text")) : h("div", { class: "view-text", tabindex: "0", role: "region", "aria-label": gettext("Text") }, h("div", { class: "letter" }, result.head || unread(result.protection))));
}

const unread = (protection) => (protection?.encrypted ? gettext("Its words are encrypted.") : gettext("There is nothing to read in it."));

/** What a mail claims of its own safety. */
function claims({ signed, encrypted, signers = [] }) {
  const who = signers.map(({ name, address }) => person({ name, address: address ?? "" })).join(", ");
  return [
    encrypted && gettext("Encrypted with %(way)s: only those whom it is for can read it", { way: encrypted }),
    signed && (who ? gettext("Signed with %(way)s by %(who)s, as its certificate claims; not verified here", { way: signed, who }) : gettext("Signed with %(way)s; not verified here", { way: signed })),
  ].filter(Boolean).map((words) => h("p", { class: "note" }, icon("shield"), h("span", {}, words)));
}

function mailbox(result) {
  const columns = [{ name: gettext("From") }, { name: gettext("Subject") }, { name: gettext("Date") }, { name: gettext("Size"), numeric: true }];
  const rows = (result.shown ?? []).map(({ from, subject, date, size }) => [people(from), subject, readable(date), bytes(size)]);
  return h("div", {}, tools(ngettext("%(count)s message", "%(count)s messages", result.messages)), grid(columns, rows, { label: gettext("Messages") }));
}

export function mailDetails(result, { artifact } = {}) {
  const list = result.protection ? claims(result.protection) : [];
  if (result.blocked) list.push(h("p", { class: "note" }, icon("shield"), h("span", {}, ngettext("%(count)s remote content was left out", "%(count)s remote contents were left out", Array.isArray(result.blocked) ? result.blocked.length : Number(result.blocked)))));
  if (result.attachments?.length) {
    list.push(detail(gettext("Attachments"), h("ul", { class: "made" }, result.attachments.map(({ name, size, artifact: made }) => {
      const found = made && artifact?.("mail", made);
      const words = [icon("download"), h("span", { class: "cut" }, name ?? made), h("span", { class: "quiet numbers" }, bytes(size))];
      return h("li", {}, found ? h("a", { href: found.url, download: name }, words) : h("span", {}, words));
    }))));
  }
  if (result.links?.length) list.push(detail(gettext("Links lead to"), h("p", {}, result.links.join(", "))));
  return list;
}

export function mailFacts(result) {
  const checks = Object.entries(result.authentication ?? {}).filter(([, value]) => value);
  return [
    [gettext("Messages"), result.messages === undefined ? null : number(result.messages)],
    [gettext("Sent"), readable(result.date)],
    [gettext("Signed"), checks.length ? checks.map(([name, value]) => `${name.toUpperCase()} ${value}`).join(", ") : null],
    [gettext("Attachments"), result.attachments?.length ? number(result.attachments.length) : null],
  ];
}

// -- fonts -----------------------------------------------------------------------------------------------------------------

export function fontPreview(file, result, { artifact }) {
  const specimen = artifact("font", "specimen.webp");
  return specimen ? h("div", {}, tools(dotted(result.family, result.style)), h("div", { class: "view-specimen" }, h("img", { src: specimen.url, alt: gettext("Specimen of %(name)s", { name: result.full_name ?? result.family ?? file.name }) }))) : null;
}

export function fontFacts(result) {
  return [
    [gettext("Family"), dotted(result.family, result.style)],
    [gettext("Weight"), result.weight],
    [gettext("Glyphs"), result.glyphs ? number(result.glyphs) : null],
    [gettext("Characters"), result.characters ? number(result.characters) : null],
    [gettext("Scripts"), result.scripts?.length ? result.scripts.slice(0, 6).map(({ name }) => name).join(", ") : null],
    [gettext("Variable"), result.variable?.length ? result.variable.map(({ axis, min, max }) => `${axis} ${min}–${max}`).join(", ") : null],
    [gettext("Designer"), result.designer],
    [gettext("Licence"), result.licence],
    [gettext("Version"), result.version],
  ];
}
