// The chart on a file's page: its steps, when each of them ran and for how long, and what was before the first.

import { $, h, icon, setHidden } from "millrace/dom";
import { bytes, dotted, gettext, ngettext, number, told, took } from "millrace/words";

const STEP = { done: gettext("done"), running: gettext("running"), failed: gettext("failed"), skipped: gettext("skipped"), waiting: gettext("waiting") };
const STEP_ICON = { done: "check", running: "wheel", failed: "alert", skipped: "minus", waiting: "clock" };

/** Shows the steps of the attempt `chosen`, or of the newest where that is null. */
export function showSteps(file, chosen) {
  const steps = file.steps.filter(({ attempt }) => attempt === (chosen ?? file.attempt) || attempt === undefined);
  const started = steps.map(({ started_at: from }) => from).filter(Boolean).map(Date.parse);
  const earlier = started.length && steps[0].attempt === 1 && file.received_at ? before(file, Math.min(...started)) : [];
  const place = scale(earlier[0]?.from, Math.min(...started), Math.max(...started, ...steps.map(({ finished_at: to }) => to).filter(Boolean).map(Date.parse)));
  setHidden($("steps-card"), steps.length === 0);
  $("steps").replaceChildren(...earlier.map((one) => showBefore(one, place)), ...steps.map((step) => showStep(step, place)));
}

/** What is known of a file before its first step: later attempts waited too, but for how long is kept nowhere. */
function before(file, started) {
  const received = Date.parse(file.received_at);
  return [
    { name: gettext("Received"), about: bytes(file.size), mark: "upload", from: Date.parse(file.created_at), to: received },
    { name: gettext("Waited"), mark: "clock", from: received, to: started },
  ];
}

/** Where a time stands, in per cent: what was before the steps takes half at most, for an upload may last an hour, steps a blink. */
function scale(begin, started, ended) {
  const early = Math.max(0, started - (begin ?? started));
  const late = Math.max(1, ended - started);
  const half = 100 * Math.min(0.5, early / (early + late));
  return (time) => Math.min(100, Math.max(0, time < started ? half * (1 - (started - time) / early) : half + ((100 - half) * (time - started)) / late));
}

function stretch(place, from, to) {
  const span = h("i");
  span.style.setProperty("--from", `${place(from)}%`);
  span.style.setProperty("--long", `${Math.max(0, place(to) - place(from))}%`);
  return h("span", { class: "step-span", "aria-hidden": "true" }, span);
}

function showBefore({ name, about, mark, from, to }, place) {
  return h("li", { class: "step", "data-step": "before" },
    icon(mark), h("span", { class: "step-name" }, name, about ? h("span", { class: "quiet numbers" }, ` ${about}`) : null),
    h("span", { class: "step-took numbers" }, took(Math.max(0, to - from))), stretch(place, from, to));
}

function showStep(step, place) {
  const from = Date.parse(step.started_at);
  const mark = icon(STEP_ICON[step.status], step.status === "running" ? "icon spin" : "icon");
  return h("li", { class: "step", "data-step": step.status, title: dotted(`${step.name} v${step.version}`, step.worker ?? "") },
    mark, h("span", { class: "step-name" }, step.name, h("span", { class: "unseen" }, ` ${STEP[step.status]}`)),
    h("span", { class: "step-took numbers" }, took(step.duration_ms)),
    step.started_at ? stretch(place, from, from + (step.duration_ms ?? 0)) : null,
    step.sent_on ? h("span", { class: "step-sent quiet" }, dotted(step.sent_on.files ? ngettext("%(count)s file sent on", "%(count)s files sent on", step.sent_on.files) : "", step.sent_on.left_out_total ? gettext("%(n)s left out", { n: number(step.sent_on.left_out_total) }) : "")) : null,
    step.error ? h("span", { class: "step-why" }, told(step.error.message)) : null,
    step.detail ? h("details", { class: "step-detail" }, h("summary", {}, gettext("For its author")), h("pre", { tabindex: "0" }, step.detail)) : null);
}
