// Source code in colours with line numbers; its outline, notes and secrets. Logs by level and time.

import { h, icon } from "millrace/dom";
import { detail, facts, grid, styled, tools } from "millrace/viewers/parts";
import { dotted, gettext, ngettext, number, pgettext, told } from "millrace/words";

export function codePreview(file, result) {
  if (!result.tokens?.length) return null;
  const numbers = h("ol", { "aria-hidden": "true" }, result.tokens.map((_, index) => h("li", {}, index + 1)));
  const code = h("pre", {});
  for (const line of result.tokens) {
    for (const [name, text] of line) code.append(name ? h("span", { class: `t-${name}` }, text) : text);
    code.append("\n");
  }
  const said = dotted(told(result.language), ngettext("%(count)s line", "%(count)s lines", result.lines), result.truncated ? gettext("the beginning is shown") : "");
  return h("div", {}, tools(said), h("div", { class: "view-text", tabindex: "0", role: "region", "aria-label": gettext("Code") }, h("div", { class: "lines-of-text" }, numbers, code)));
}

const OUTLINE = {
  function: () => pgettext("outline", "function"),
  type: () => pgettext("outline", "type"),
  heading: () => pgettext("outline", "heading"),
};

export function codeDetails(result) {
  const list = [];
  if (result.secrets?.length) {
    list.push(h("div", { class: "note warn" }, icon("alert"), h("div", {}, h("strong", {}, gettext("This looks like it holds secrets")), h("ul", {}, result.secrets.map(({ line, kind }) => h("li", {}, gettext("Line %(line)s: %(problem)s", { line: number(line), problem: told(kind) })))))));
  }
  if (result.outline?.length) list.push(detail(gettext("Outline"), h("ol", { class: "outline" }, result.outline.map(({ line, name, kind }) => h("li", {}, h("span", {}, h("span", { class: "mono" }, name), " ", h("span", { class: "quiet" }, OUTLINE[kind]?.() ?? kind)), h("span", { class: "quiet numbers" }, number(line)))))));
  if (result.to_do?.length) list.push(detail(gettext("Still to do"), h("ol", { class: "outline" }, result.to_do.map(({ line, text }) => h("li", {}, h("span", { class: "mono" }, text), h("span", { class: "quiet numbers" }, number(line)))))));
  return list;
}

export function codeFacts(result) {
  return [
    [gettext("Language"), told(result.language)],
    [gettext("Lines of code"), result.code_lines === undefined ? null : number(result.code_lines)],
    [gettext("Comment lines"), result.comment_lines ? number(result.comment_lines) : null],
    [gettext("Blank lines"), result.blank_lines ? number(result.blank_lines) : null],
  ];
}

/** One row of bars for each level, under its name. */
function levelsOverTime({ histogram, levels }) {
  return Object.keys(levels).flatMap((level) => {
    const counts = histogram.map((bin) => bin.levels?.[level] ?? 0);
    const most = Math.max(...counts) || 1;
    const bars = histogram.map(({ from }, place) => styled(h("i", { title: `${from}: ${number(counts[place])}` }), { "--part": String(counts[place] / most) }));
    return [h("p", { class: "quiet" }, level), h("div", { class: "bars", role: "img", "aria-label": level }, bars)];
  });
}

const plain = (moment) => moment.replace("T", " ");

export function logDetails(result) {
  const list = [];
  if (result.histogram?.length > 1) {
    const most = Math.max(...result.histogram.map(({ count }) => count)) || 1;
    const label = gettext("Histogram from %(from)s to %(to)s", { from: plain(result.first), to: plain(result.last) });
    list.push(detail(gettext("Lines over time"), h("div", { class: "bars", role: "img", "aria-label": label }, result.histogram.map(({ from, count }) => styled(h("i", { title: `${from}: ${number(count)}` }), { "--part": String(count / most) }))), ...levelsOverTime(result), h("p", { class: "quiet numbers" }, `${plain(result.first)} – ${plain(result.last)}`), result.year_guessed ? h("p", { class: "quiet" }, gettext("The log says no year: this one is a guess.")) : null));
  }
  const groups = { ...result.levels, ...result.statuses };
  if (Object.keys(groups).length) list.push(detail(gettext("Levels"), facts(Object.entries(groups).map(([name, count]) => [name, number(count)]))));
  if (result.errors?.length) list.push(detail(gettext("Errors"), grid([{ name: gettext("Line"), numeric: true }, { name: gettext("Text") }], result.errors.map(({ line, text }) => [line, text]))));
  return list;
}
