// Text and code: the head with line numbers, wrapped or not.

import { h } from "millrace/dom";
import { message, tools } from "millrace/viewers/parts";
import { dotted, gettext, languageName, ngettext, number } from "millrace/words";

export function textPreview(file, result) {
  if (!result.head) return message("text", gettext("An empty text"), gettext("There is nothing to read in it."));
  const lines = result.head.split("\n");
  if (lines.length > 1 && lines.at(-1) === "") lines.pop();
  const numbers = h("ol", { "aria-hidden": "true" }, lines.map((_, index) => h("li", {}, index + 1)));
  const block = h("div", { class: "lines-of-text" }, numbers, h("pre", {}, lines.join("\n")));
  const wrap = h("button", { class: "button bare small", type: "button", "aria-pressed": "false", onclick: () => set(block.classList.contains("wrap") ? false : true) }, gettext("Wrap lines"));
  function set(on) {
    block.classList.toggle("wrap", on);
    wrap.setAttribute("aria-pressed", String(on));
  }
  set(result.longest_line > 160);
  const said = dotted(ngettext("%(count)s line", "%(count)s lines", result.lines ?? lines.length), result.head_truncated ? gettext("the beginning is shown") : "");
  return h("div", {}, tools(said, wrap), h("div", { class: "view-text", tabindex: "0", role: "region", "aria-label": gettext("Text") }, block));
}

const EOL = { lf: "LF", crlf: "CRLF", cr: "CR", mixed: () => gettext("mixed"), none: null };

export function textFacts(result) {
  const eol = EOL[result.eol];
  return [
    [gettext("Written in"), result.language && languageName(result.language)],
    [gettext("Lines"), number(result.lines ?? 0)],
    [gettext("Words"), number(result.words ?? 0)],
    [gettext("Characters"), number(result.characters ?? 0)],
    [gettext("Longest line"), result.longest_line ? number(result.longest_line) : null],
    [gettext("Encoding"), result.encoding ? dotted(result.encoding, result.bom ? "BOM" : "", result.encoding_certain === false ? gettext("a guess") : "") : null],
    [gettext("Line ends"), typeof eol === "function" ? eol() : eol],
    [gettext("Not decoded"), result.invalid ? number(result.invalid) : null],
  ];
}
