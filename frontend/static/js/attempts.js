// The attempts of a file whose results are kept: choosing one, and comparing two.

import { ask } from "millrace/boot";
import { $, h, icon, setHidden } from "millrace/dom";
import { differences } from "millrace/differences";
import { detail, grid } from "millrace/viewers/parts";
import { dotted, gettext, ngettext, number, when } from "millrace/words";

const SHOWN = 300; // differences

/** Lists them, the newest first; `choose(attempt)` is called with null for the newest. */
export function showAttempts(file, chosen, choose) {
  const attempts = [...file.attempts].reverse();
  setHidden($("attempts-card"), attempts.length < 2);
  $("attempts").replaceChildren(...attempts.map((one, index) => entry(one, attempts[index + 1], chosen === null ? index === 0 : one.attempt === chosen, () => choose(index === 0 ? null : one.attempt))));
}

function entry({ attempt, finished_at: at, versions }, before, shown, run) {
  const raised = Object.entries(versions).filter(([step, version]) => before && before.versions[step] !== undefined && before.versions[step] !== version);
  const words = raised.map(([step, version]) => `${step} v${before.versions[step]} → v${version}`).join(", ");
  return h("li", {}, h("button", { class: "button bare attempt", type: "button", "aria-pressed": String(shown), onclick: run },
    icon(shown ? "check" : "clock"), h("span", {}, gettext("Attempt %(n)s", { n: number(attempt) })), h("span", { class: "quiet" }, dotted(when(at), words))));
}

/** What the newest attempt found otherwise than the one before. */
export async function compareAttempts(file) {
  const [older, newer] = file.attempts.slice(-2);
  const [before, after] = await Promise.all([older, newer].map(({ attempt }) => ask("GET", `/api/files/${file.id}/`, { parameters: { attempt } })));
  const found = differences(before.results, after.results);
  const title = gettext("Attempt %(before)s and attempt %(after)s", { before: number(older.attempt), after: number(newer.attempt) });
  if (!found.length) return detail(title, h("p", {}, gettext("Both found the same.")));
  const columns = [{ name: gettext("Where") }, { name: gettext("Before") }, { name: gettext("Now") }];
  const rows = found.slice(0, SHOWN).map(({ path, before: was, after: is }) => [path, said(was), said(is)]);
  const many = ngettext("%(count)s difference", "%(count)s differences", found.length);
  return detail(title, h("p", { class: "quiet" }, many), h("div", { class: "generic" }, grid(columns, rows, { label: title })));
}

const said = (value) => (value === undefined ? null : typeof value === "object" ? JSON.stringify(value) : String(value));
