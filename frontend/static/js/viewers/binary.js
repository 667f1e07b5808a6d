// Anything: the first bytes, how dense they are, the words that lie in them.

import { h, icon } from "millrace/dom";
import { detail, facts, message, styled, tools } from "millrace/viewers/parts";
import { decimal, gettext, ngettext, number, told, when } from "millrace/words";

// What `uploads/processors/headers.py` and `executables.py` read.
const HEADER = {
  format: gettext("Format"), version: gettext("Version"), type: gettext("Type"), bits: gettext("Bits"), order: gettext("Order"), system: gettext("System"),
  subsystem: gettext("Subsystem"), machine: gettext("Machine"), entry: gettext("Entry"), sections: gettext("Sections"), commands: gettext("Commands"), made_at: gettext("Made"),
  shape: gettext("Shape"), shapes: gettext("Shapes"), triangles: gettext("Triangles"), from: gettext("From"), to: gettext("To"), rows: gettext("Rows"), columns: gettext("Columns"),
  title: gettext("Title"), name: gettext("Name"), files: gettext("Files"), bytes: gettext("Bytes"), first_file: gettext("First file"), comment: gettext("Comment"), made_with: gettext("Made with"),
  tracker: gettext("Tracker"), private: gettext("Private"), changed: gettext("Changed"), date: gettext("Date"), patient: gettext("Patient"), born: gettext("Born"),
  modality: gettext("Modality"), maker: gettext("Maker"), institution: gettext("Institution"), study: gettext("Study"),
};
const COUNTED = new Set(["sections", "commands", "triangles", "rows", "columns", "files", "bytes"]);

export function binaryPreview(file, result) {
  if (result.empty) return message("other", gettext("An empty file"), gettext("It has a name, but not a single byte."));
  const rows = (result.hex ?? []).map(({ offset, hex, text }) => h("tr", {}, h("td", {}, offset.toString(16).padStart(8, "0")), h("td", {}, hex.padEnd(47)), h("td", {}, text)));
  return h("div", {}, tools(gettext("The first %(n)s bytes", { n: number(16 * rows.length) })),
    h("div", { class: "hex", tabindex: "0", role: "region", "aria-label": gettext("Bytes") }, h("table", {}, h("tbody", {}, rows))));
}

export function binaryDetails(result) {
  if (result.empty) return [];
  const list = [];
  if (result.entropy_map?.length > 1) {
    const map = h("div", { class: "bars", role: "img", "aria-label": gettext("Density from the first byte to the last") },
      result.entropy_map.map((entropy) => styled(h("i", { title: gettext("%(n)s bits per byte", { n: decimal(entropy) }) }), { "--part": String(entropy / 8) })));
    list.push(detail(gettext("Density"), map));
  }
  if (result.header?.tells_who) list.push(h("p", { class: "note warn" }, icon("alert"), h("span", {}, gettext("It tells whom it shows: name or date of birth are written in it."))));
  if (result.header) list.push(detail(gettext("Header"), facts(Object.entries(result.header).filter(([name]) => name in HEADER).map(([name, value]) => [HEADER[name], headed(name, value)]))));
  if (result.strings?.length) {
    const title = `${ngettext("%(count)s word found in it", "%(count)s words found in it", result.strings.length)}${result.strings_truncated ? "+" : ""}`;
    const rows = result.strings.map(({ offset, text }) => h("tr", {}, h("td", {}, offset.toString(16).padStart(8, "0")), h("td", {}, text)));
    list.push(detail(title, h("div", { class: "hex strings", tabindex: "0", role: "region", "aria-label": title }, h("table", {}, h("tbody", {}, rows)))));
  }
  return list;
}

/** A value of the header in the reader's words; null for what is more than one value. */
function headed(name, value) {
  if (typeof value === "object") return null;
  if (typeof value === "boolean") return value ? gettext("yes") : gettext("no");
  if (name === "made_at") return when(value);
  return COUNTED.has(name) && typeof value === "number" ? number(value) : told(String(value));
}

export function binaryFacts(result) {
  if (result.empty) return [];
  return [
    [gettext("Reads like"), told(result.reading)],
    [gettext("Density"), result.entropy === undefined ? null : gettext("%(n)s of 8 bits per byte", { n: decimal(result.entropy) })],
    [gettext("Zeros"), result.zeros === undefined ? null : `${decimal(100 * result.zeros)} %`],
    [gettext("Printable"), result.printable === undefined ? null : `${decimal(100 * result.printable)} %`],
  ];
}
