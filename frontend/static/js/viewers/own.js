// A result as its own template shows it: HTML that the server made and cleaned, put in as elements.

import { address, boot } from "millrace/boot";
import { h } from "millrace/dom";
import { gettext } from "millrace/words";

/** Whether there is a template for this step. */
export const hasView = (step) => boot.views?.includes(step) ?? false;

/** A place that fills itself with the step's view. */
export function ownView(file, step) {
  const place = h("div", { class: "generic own-view" }, h("p", { class: "quiet" }, gettext("Loading")));
  fill(place, address(`/api/files/${file.id}/views/${step}/`, { attempt: file.steps[0]?.attempt })).catch(() => place.replaceChildren(h("p", {}, gettext("It can't be shown now."))));
  return place;
}

async function fill(place, url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(answer.statusText);
  const { body } = new DOMParser().parseFromString(await answer.text(), "text/html");
  place.replaceChildren(...document.importNode(body, true).childNodes);
}
