// A quick look at a file of the list, without leaving it: its preview in a box, and on to the next with an arrow.

import { address, ask, inTurn } from "millrace/boot";
import { h, icon } from "millrace/dom";
import { complain, forget, say } from "millrace/frame";
import { KIND, STATUS, bytes, dotted, gettext } from "millrace/words";

const STEPS = { ArrowRight: 1, ArrowDown: 1, j: 1, ArrowLeft: -1, ArrowUp: -1, k: -1 };
const OF_PREVIEWS = ["larger", "larger-too", "smaller", "fit"]; // commands that previews make known

/**
 * Opens the box for a file. `beside(file, by)` is the file so many places further in the list, or undefined; `closed(file)`
 * is told which one was seen last.
 */
export function look(first, { beside, closed }) {
  let file = first;
  const turn = inTurn();
  const name = h("h2", { class: "cut" });
  const about = h("p", { class: "quiet numbers" });
  const view = h("div", { class: "look-view" });
  const open = h("a", { class: "button small" }, gettext("Open"));
  const close = h("button", { class: "button bare small only-icon", type: "button", "aria-label": gettext("Close"), autofocus: true, onclick: () => box.close() }, icon("cross"));
  const box = h("dialog", { class: "dialog look", "aria-label": gettext("Quick look") }, h("header", { class: "look-head" }, h("div", {}, name, about), open, close), view);

  async function show(next) {
    file = next;
    name.textContent = file.name;
    about.textContent = dotted(STATUS[file.status], KIND[file.kind], bytes(file.size));
    open.href = address(`/files/${file.id}/`);
    view.replaceChildren(...stand(file));
    say(file.name);
    const isNews = turn();
    try {
      const [{ preview }, whole] = await Promise.all([import("millrace/viewers/index"), ask("GET", `/api/files/${file.id}/`)]);
      if (!isNews() || whole.id !== file.id || !box.open) return;
      const found = preview(whole);
      if (found) view.replaceChildren(found);
    } catch (error) {
      complain(error);
    }
  }

  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = STEPS[event.key];
    if (event.key === " " && event.target === close) box.close();
    else if (by && !event.target.closest("[tabindex='0'], audio, video, select, summary")) {
      const next = beside(file, by);
      if (next) show(next);
    } else return;
    event.preventDefault();
  });
  box.addEventListener("click", ({ target }) => target === box && box.close());
  box.addEventListener("close", () => {
    box.remove();
    forget(...OF_PREVIEWS);
    closed(file);
  });
  document.body.append(box);
  box.showModal();
  show(first);
}

/** What stands there until the preview comes, and where there is none. */
function stand({ thumbnail, kind }) {
  return [thumbnail ? h("img", { class: "look-small", src: thumbnail, alt: "" }) : h("div", { class: "view-message" }, icon(kind || "other"))];
}
