// One file: shows what the API says of it, and again whenever the stream says that it changed.

import { act } from "millrace/actions";
import { compareAttempts, showAttempts } from "millrace/attempts";
import { beside } from "millrace/beside";
import { address, ask, boot, inTurn, Refused } from "millrace/boot";
import { $, h, icon, inFrame, setData, setHidden, setIcon, setPart, setText } from "millrace/dom";
import { command, complain, copy, say, showLine, startFrame } from "millrace/frame";
import { telling } from "millrace/row";
import { Line, streamAddress } from "millrace/socket";
import { showSteps } from "millrace/steps";
import { Store } from "millrace/store";
import { refreshInside } from "millrace/inside";
import { showTile } from "millrace/tile";
import { details, moreFacts, preview } from "millrace/viewers/index";
import { facts, message } from "millrace/viewers/parts";
import { KIND, MARK, STATUS, bytes, dotted, gettext, number, told, when } from "millrace/words";

const IN_FLIGHT = new Set(["receiving", "queued", "processing"]);
const ENDED = new Set(["processed", "failed", "cancelled"]);
const REST = 150; // ms between two questions for the whole

let file = boot.file;
let chosen = null; // the attempt that is looked at, where it is not the newest
const shown = {}; // what each part of the page shows, as text, so that only what changed is built anew

// -- asking ----------------------------------------------------------------------------------------------------------------

let timer = 0;
let deleted = false;
let heard = 0; // what the stream has said of it
const turn = inTurn();

function refresh() {
  clearTimeout(timer);
  timer = setTimeout(look, REST);
}

async function look() {
  const isNews = turn();
  const before = heard;
  try {
    const answer = await ask("GET", `/api/files/${boot.file.id}/`, { parameters: { attempt: chosen } });
    if (deleted || !isNews()) return;
    file = before === heard ? answer : { ...answer, ...store.files.get(boot.file.id) }; // what was said meanwhile is newer
    inFrame(show);
  } catch (error) {
    if (error instanceof Refused && error.status === 404) gone();
    else if (!deleted) complain(error);
  }
}

function gone() {
  deleted = true;
  line.stop();
  $("main").replaceChildren(h("div", { class: "empty" }, icon("trash"), h("h2", {}, gettext("This file was deleted")), h("p", {}, h("a", { class: "button", href: address("/files/") }, gettext("To the files")))));
}

const store = new Store(({ type, before, file: now }) => {
  if (now.id !== boot.file.id) return;
  if (type === "gone") {
    gone();
    return;
  }
  const changed = ["status", "attempt", "kind", "thumbnail"].some((field) => file[field] !== now[field]) || file.step?.name !== now.step?.name;
  if (file.attempt !== now.attempt) chosen = null;
  file = { ...file, ...now };
  heard += 1;
  inFrame(showMoving);
  if (changed) refresh();
  if (before && ENDED.has(now.status) && !ENDED.has(before.status)) say(`${now.name}: ${STATUS[now.status]}`);
});

const line = new Line(streamAddress(boot.query), {
  hello: () => ({ after: store.cursor, file: boot.file.id }),
  onState: showLine,
  onFrame: (frame) => {
    const whole = store.apply(frame);
    if (frame.type === "snapshot" && whole && !store.files.has(boot.file.id)) refresh(); // it was deleted before this page listened
  },
});

// -- showing ---------------------------------------------------------------------------------------------------------------

/** Whether there are files inside that are not yet files of their own. */
function holdsOthers() {
  const { archive, mail } = file.results ?? {};
  if (archive?.files) return true;
  return Boolean(mail?.messages || (mail?.attachments?.length && !file.steps.some(({ sent_on: said }) => said)));
}

function choose(attempt) {
  chosen = attempt;
  refresh();
}

/** Calls `build` only where what it is built from has changed. */
function part(name, source, build) {
  const text = JSON.stringify(source);
  if (shown[name] === text) return;
  shown[name] = text;
  build();
}

function show() {
  if (deleted) return;
  showMoving();
  part("facts", [file.sha256, file.media_type, file.results, file.finished_at, file.attempt], () => $("facts").replaceChildren(...facts(allFacts()).children));
  part("steps", [file.steps, file.received_at, chosen], () => showSteps(file, chosen));
  part("attempts", [file.attempts, chosen], () => showAttempts(file, chosen, choose));
  part("compared", [file.attempts], () => $("compared").replaceChildren());
  part("made", file.artifacts, showMade);
  part("inside", [file.status, file.attempt, file.steps.map(({ sent_on: said }) => said)], () => refreshInside(file).catch(complain));
  part("preview", [file.results, file.artifacts, IN_FLIGHT.has(file.status), file.error?.code], showPreview);
  part("details", [file.results, file.artifacts], () => $("details").replaceChildren(...details(file)));
}

function showMoving() {
  if (deleted) return;
  const head = $("head");
  setData(head, "status", file.status);
  setData(head, "kind", file.kind ?? "");
  showTile(head.querySelector(".tile"), file.kind, file.thumbnail);
  const mark = head.querySelector(".mark .icon");
  setIcon(mark, MARK[file.status]);
  mark.classList.toggle("spin", file.status === "processing");
  setText(head.querySelector(".mark-word"), STATUS[file.status]);
  setText($("head-about"), dotted(bytes(file.size), told(file.results.identify?.description) ?? KIND[file.kind]));
  const flight = IN_FLIGHT.has(file.status);
  const button = (action) => head.querySelector(`[data-action="${action}"]`);
  setHidden(button("cancel"), !(boot.mayUpload && flight));
  setHidden(button("retry"), !(boot.mayUpload && !flight));
  setText(button("retry").lastElementChild, file.status === "failed" || file.status === "cancelled" ? gettext("Retry") : gettext("Process again"));
  setHidden(button("expand"), !(boot.mayExpand && !flight && holdsOthers()));
  setHidden(button("delete"), !boot.mayUpload);
  setHidden($("download"), file.status === "receiving");
  setHidden($("running"), !flight);
  if (flight) showRunning();
  setHidden($("outdated"), !(boot.mayUpload && !flight && chosen === null && file.outdated?.length));
  setText($("outdated-words"), dotted(gettext("There is a newer version"), ...(file.outdated ?? []).map(({ step, version, newest }) => `${step} v${version} → v${newest}`)));
  setHidden($("trouble"), file.status !== "failed");
  if (file.status === "failed") showTrouble();
}

function showRunning() {
  const { step } = file;
  setData($("running"), "status", file.status);
  setText($("running-words"), file.status === "processing" && step ? gettext("Step %(step)s", { step: step.name }) : STATUS[file.status]);
  setText($("running-measure"), file.status === "processing" && step ? telling({ file }, "processing").replace(`${step.name} · `, "") : telling({ file, size: file.size, turn: file.queue && { place: file.queue.place, wait: file.queue.wait_s } }, file.status));
  const bar = $("running-bar");
  const [received, done] = bar.children;
  setPart(received, file.status === "receiving" ? file.received / (file.size || 1) : 1);
  const key = `${file.attempt}/${step?.name}`;
  if (bar.dataset.key !== key) {
    bar.dataset.key = key;
    done.part = undefined;
    done.classList.remove("moves");
    done.style.setProperty("--part", "0");
  }
  setPart(done, step?.total ? step.done / step.total : 0);
  bar.classList.toggle("unmeasured", file.status === "processing" && !step?.total);
  bar.setAttribute("aria-valuenow", Math.floor(100 * (file.status === "receiving" ? file.received / (file.size || 1) : step?.total ? step.done / step.total : 0)));
}

function showTrouble() {
  const { code, message: words, step } = file.error ?? {};
  setText($("trouble-title"), step ? gettext("The step “%(step)s” failed", { step }) : gettext("Processing failed"));
  setText($("trouble-words"), told(words) ?? "");
  setText($("trouble-advice"), boot.advice[code] ?? boot.advice[""]);
}

function allFacts() {
  const { identify = {} } = file.results;
  const expected = identify.extension_matches === false && identify.expected?.length > 0;
  return [
    [gettext("Type"), identify.description ? h("span", { title: file.media_type ?? "" }, told(identify.description)) : file.media_type],
    [gettext("Size"), file.size === null ? null : h("span", { title: gettext("%(n)s bytes", { n: number(file.size) }) }, bytes(file.size))],
    ...moreFacts(file),
    [gettext("Extension"), expected ? h("span", { class: "warn" }, gettext("“.%(found)s” does not fit the content; usual is .%(usual)s", { found: identify.extension, usual: identify.expected.join(", .") })) : null],
    [gettext("Folder"), file.path ? file.path.slice(0, -file.name.length).replace(/\/$/, "") : null],
    [gettext("Uploaded"), when(file.created_at)],
    [gettext("Finished"), file.finished_at ? when(file.finished_at) : null],
    [gettext("Attempt"), file.attempt > 1 ? number(file.attempt) : null],
    ["SHA-256", file.sha256 ? copyable(file.sha256) : null],
  ];
}

function copyable(text) {
  return h("button", { class: "copyable", type: "button", title: gettext("Copy"), "aria-label": gettext("Copy %(text)s", { text }), onclick: () => copy(text) },
    h("span", { class: "mono" }, `${text.slice(0, 8)}…${text.slice(-8)}`), icon("copy"));
}

function showMade() {
  const made = file.artifacts;
  setHidden($("made-card"), made.length === 0);
  $("made").replaceChildren(...made.map(({ name, url, size }) => h("li", {}, h("a", { href: url, download: name }, icon("download"), h("span", { class: "cut" }, name), h("span", { class: "quiet numbers" }, bytes(size))))));
}

function showPreview() {
  const view = preview(file);
  setHidden($("preview"), !view && file.status === "failed"); // what went wrong stands there
  $("preview").replaceChildren(view ?? stand());
}

/** What stands where there is nothing to see yet, or ever. */
function stand() {
  if (file.status === "receiving") return message("upload", gettext("Still being received"), gettext("The preview comes once every byte is here."));
  if (IN_FLIGHT.has(file.status)) return message("wheel", gettext("Being taken apart"), gettext("The preview comes by itself."));
  if (file.status === "cancelled") return message("slash", gettext("Cancelled before there was a preview"));
  return message(file.kind || "other", gettext("No preview for this kind of file"), gettext("What was found in it is below."));
}

// -- beside it -------------------------------------------------------------------------------------------------------------

const near = beside(boot.file.id);
const listAddress = near?.list ?? address("/files/");

function showBeside() {
  if (!near) return;
  document.querySelector(".crumbs a").href = listAddress;
  setHidden($("beside"), false);
  for (const way of ["previous", "next"]) {
    const link = $(way);
    if (near[way]) link.href = address(`/files/${near[way]}/`);
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // it is opened beside this one
      event.preventDefault();
      goBeside(way);
    });
    if (!near[way]) {
      link.setAttribute("role", "link");
      link.setAttribute("aria-disabled", "true");
    }
  }
}

/** Goes on to a file beside this one, in its place: going back still leads to the list. */
function goBeside(way) {
  if (near?.[way]) location.replace($(way).href);
}

/** Whether an arrow has nothing else to do: move within a box, a player or a list of choices. */
const isFree = ({ target }) => !target.closest("[tabindex='0'], audio, video, summary, [role='group']");

// -- doing -----------------------------------------------------------------------------------------------------------------

async function run(action) {
  if (!(await act(file, action))) return;
  if (action === "delete") location.assign(listAddress);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (!button) return;
  event.preventDefault();
  run(button.dataset.action);
});

startFrame();
command("back", { key: "Escape", help: gettext("Back to the files"), run: () => location.assign(listAddress) });
command("copy-link", { key: "l", help: gettext("Copy the link"), run: () => copy(location.origin + address(`/files/${boot.file.id}/`)) });
command("compare", { run: () => compareAttempts(file).then((section) => $("compared").replaceChildren(section), complain) });
command("download", { key: "d", help: gettext("Download"), run: () => $("download").click() });
if (boot.mayUpload) {
  command("retry", { key: "r", help: gettext("Process again"), run: () => !IN_FLIGHT.has(file.status) && run("retry") });
  command("cancel", { key: "c", help: gettext("Cancel"), run: () => IN_FLIGHT.has(file.status) && run("cancel") });
  command("delete", { key: "Delete", help: gettext("Delete"), run: () => run("delete") });
}
if (near) {
  command("next", { key: "j", help: gettext("Next file"), run: () => goBeside("next") });
  command("previous", { key: "k", help: gettext("Previous file"), run: () => goBeside("previous") });
  command("next-by-arrow", { key: "ArrowRight", run: () => goBeside("next"), when: isFree });
  command("previous-by-arrow", { key: "ArrowLeft", run: () => goBeside("previous"), when: isFree });
}
showBeside();
show();
line.start();
