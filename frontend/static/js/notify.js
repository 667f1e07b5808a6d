// A word from the browser when a drop has ended and nobody is looking.

const KEY = "millrace.notify";
const TITLE = document.title;

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) document.title = TITLE;
});

/** Whether the reader asked for it, in this browser. */
export const wantsNotify = () => localStorage.getItem(KEY) === "yes" && globalThis.Notification?.permission === "granted";

export function setNotify(wanted) {
  if (wanted) localStorage.setItem(KEY, "yes");
  else localStorage.removeItem(KEY);
}

/** Asks the browser where it has not been asked; resolves to whether it allows it. */
export async function mayNotify() {
  if (!globalThis.Notification) return false;
  return (await Notification.requestPermission()) === "granted";
}

/** Says it in the tab's title, and aloud where that was asked for, unless somebody is looking at the page anyway. */
export function notify(title, words) {
  if (!document.hidden) return;
  document.title = `${words} · ${TITLE}`;
  if (!wantsNotify()) return;
  const note = new Notification(title, { body: words, tag: title });
  note.onclick = () => {
    focus();
    note.close();
  };
}
