// What every page has around its content: theme, live light, shortcuts, messages, menus.

import { $, h, icon, setText } from "millrace/dom";
import { gettext, told } from "millrace/words";

const LIVE = {
  connecting: () => gettext("Connecting"),
  live: () => gettext("Live"),
  degraded: () => gettext("Live, some seconds late"),
  offline: (seconds) => gettext("Offline, trying again in %(n)s s", { n: seconds }),
  "signed-out": () => gettext("Signed out"),
  refused: () => gettext("Not allowed"),
};

let refused = false;

/** Shows how the line to the server stands; "shutout" on the window says that this person may no longer do anything here. */
export function showLine(state, seconds) {
  const light = $("live");
  light.hidden = false;
  light.dataset.state = state === "signed-out" || state === "refused" ? "offline" : state;
  setText(light.firstElementChild, LIVE[state](seconds));
  if (state === "signed-out" || state === "refused") dispatchEvent(new Event("shutout"));
  if (state === "refused" && !refused) {
    refused = true;
    toast(gettext("You may no longer see this space."), { mood: "bad", action: { label: gettext("To my own space"), run: () => location.assign("/") } });
  }
  if (state === "signed-out") location.assign(`/sign-in/?next=${encodeURIComponent(location.pathname + location.search)}`);
}

let saying = [];

/** Says something to those who listen rather than look; what comes at once is said together, so that nothing takes another's place unheard. */
export function say(text) {
  saying.push(text);
  if (saying.length > 1) return;
  queueMicrotask(() => {
    $("said").textContent = saying.join(" ");
    saying = [];
  });
}

const TOAST_TIME = 6000; // ms

/** A short message that goes by itself; bad news stays until it is closed. */
export function toast(text, { mood = "", action = null } = {}) {
  const close = h("button", { class: "button bare small only-icon", type: "button", "aria-label": gettext("Close") }, icon("cross"));
  const buttons = action ? [h("button", { class: "button small", type: "button", onclick: () => (action.run(), box.remove()) }, action.label)] : [];
  const box = h("div", { class: `toast ${mood}`, role: mood === "bad" ? "alert" : "status" },
    icon(mood === "bad" ? "alert" : "check"), h("p", {}, text), ...buttons, close);
  close.onclick = () => box.remove();
  $("toasts").append(box);
  while ($("toasts").children.length > 4) $("toasts").firstElementChild.remove();
  if (mood !== "bad") setTimeout(() => box.remove(), TOAST_TIME);
}

/** Says what was refused, in the server's words where it had any. */
export function complain(error) {
  if (error.name === "AbortError") return;
  toast(told(error.message) || gettext("The server can't be reached. Nothing was changed."), { mood: "bad" });
}

/** Puts a text where it can be pasted from, and says so; also where the browser keeps its clipboard from plain http. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(gettext("Copied"));
  } catch {
    if (copyBySelection(text)) toast(gettext("Copied"));
    else toast(gettext("The browser does not let it be copied."), { mood: "bad" });
  }
}

function copyBySelection(text) {
  const { activeElement: before } = document;
  const area = h("textarea", { class: "unseen" }, text);
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus();
  return done;
}

/** Asks before something that can't be taken back; resolves to whether to go on. */
export function confirm(question, verb) {
  return new Promise((resolve) => {
    const go = h("button", { class: "button danger", value: "yes" }, verb);
    const box = h("dialog", { class: "dialog", "aria-label": question },
      h("form", { method: "dialog" }, h("p", {}, question),
        h("div", { class: "dialog-actions" }, h("button", { class: "button", value: "no", autofocus: true }, gettext("Keep")), go)));
    box.addEventListener("close", () => {
      box.remove();
      resolve(box.returnValue === "yes");
    });
    document.body.append(box);
    box.showModal();
  });
}

// -- commands and keys ---------------------------------------------------------------------------------------------------

const commands = new Map();
let keys = [];

/**
 * Makes a command known: buttons with its name in data-command run it, and so does its key ("u", "g f", "?", " "), where
 * `when(event)` agrees.
 */
export function command(name, { key = null, help = "", run, when = () => true }) {
  commands.set(name, run);
  keys = keys.filter((known) => known.name !== name); // made known again, by a preview that was made anew
  if (key) keys.push({ keys: key === " " ? [key] : key.split(" "), name, help, when });
}

/** What is gone from the page needs no keys any more. */
export function forget(...names) {
  for (const name of names) commands.delete(name);
  keys = keys.filter(({ name }) => !names.includes(name));
}

/** Runs a command by name. */
function runCommand(name, event) {
  commands.get(name)?.(event);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-command]");
  if (button) runCommand(button.dataset.command, event);
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

let pressed = "";
let pressedAt = 0;

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const menu = document.querySelector("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
      return;
    }
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]") && event.target.type !== "checkbox") return;
  const first = event.timeStamp - pressedAt < 1000 ? pressed : "";
  pressed = event.key;
  pressedAt = event.timeStamp;
  const found = keys.find(({ keys: [one, two], when }) => (two ? one === first && two === event.key : one === event.key) && when(event));
  if (!found) return;
  event.preventDefault();
  runCommand(found.name, event);
});

function showShortcuts() {
  const rows = keys.filter(({ help }) => help).flatMap(({ keys: list, help }) => [
    h("dt", {}, list.map((key) => h("kbd", {}, NAMES[key] ?? key))),
    h("dd", {}, help),
  ]);
  const box = h("dialog", { class: "dialog", "aria-labelledby": "keys-title" },
    h("h2", { id: "keys-title" }, gettext("Keyboard shortcuts")), h("dl", { class: "keys" }, rows),
    h("form", { method: "dialog", class: "dialog-actions" }, h("button", { class: "button", autofocus: true }, gettext("Close"))));
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
}

const NAMES = { " ": gettext("Space"), Delete: gettext("Del"), Escape: gettext("Esc"), Enter: "↵", ArrowLeft: "←", ArrowRight: "→" };

// -- light and dark ------------------------------------------------------------------------------------------------------

const THEMES = ["", "light", "dark"];
const THEME_ICON = { "": "half", light: "sun", dark: "moon" };

function theme() {
  return document.documentElement.dataset.theme ?? "";
}

function nextTheme() {
  const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
  if (next) document.documentElement.dataset.theme = next;
  else delete document.documentElement.dataset.theme;
  document.cookie = `theme=${next}; path=/; max-age=${next ? 31_536_000 : 0}; samesite=lax`;
  showTheme();
  say({ "": gettext("Theme of the system"), light: gettext("Light theme"), dark: gettext("Dark theme") }[next]);
  dispatchEvent(new Event("themechange"));
}

function showTheme() {
  for (const use of document.querySelectorAll('[data-command="theme"] use')) use.setAttribute("href", `#i-${THEME_ICON[theme()]}`);
}

/** Wakes the parts of the frame that need scripts. */
export function startFrame() {
  command("shortcuts", { key: "?", help: gettext("This list"), run: showShortcuts });
  command("theme", { key: "t", help: gettext("Light, dark, or as the system is"), run: nextTheme });
  const go = (path) => () => location.assign(document.querySelector(`.nav a[href^="${path}"]`)?.href ?? path);
  command("go-dashboard", { key: "g d", help: gettext("Go to the dashboard"), run: go("/") });
  command("go-files", { key: "g f", help: gettext("Go to the files"), run: go("/files/") });
  showTheme();
}
