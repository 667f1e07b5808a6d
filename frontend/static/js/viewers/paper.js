// A page that a step made of a stranger's text. It was cleaned where it was made; here only elements of a closed list
// are made anew from it, so that it could not act even if it had not been.

import { h } from "millrace/dom";
import { gettext } from "millrace/words";

const KEPT = new Set("A ABBR B BLOCKQUOTE BR CAPTION CODE DD DEL DETAILS DIV DL DT EM H1 H2 H3 H4 H5 H6 HR I KBD LI MARK OL P PRE Q S SAMP SMALL SPAN STRONG SUB SUMMARY SUP TABLE TBODY TD TFOOT TH THEAD TR U UL VAR".split(" "));
const DROPPED = new Set("SCRIPT STYLE TEMPLATE IFRAME OBJECT EMBED SVG MATH FORM INPUT BUTTON SELECT TEXTAREA LINK META BASE HEAD TITLE NOSCRIPT".split(" "));
const DEEP = 100; // elements inside each other
const MANY = 20_000; // elements in all
const OUTSIDE = /^(https?|mailto):/i;

/** A place that fills itself with the page at `url`. */
export function paper(url, label) {
  const place = h("div", { class: "view-text page-of-text", tabindex: "0", role: "region", "aria-label": label }, h("div", { class: "paper rich" }, gettext("Loading")));
  fill(place.firstElementChild, url).catch(() => place.firstElementChild.replaceChildren(gettext("It can't be shown now.")));
  return place;
}

async function fill(place, url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(answer.statusText);
  const { body } = new DOMParser().parseFromString(await answer.text(), "text/html");
  place.replaceChildren(...anew(body, { left: MANY }, 0));
}

/** The children of a node, made anew. */
export function anew(node, room, depth) {
  const made = [];
  for (const child of node.childNodes) {
    if (child.nodeType === 3) made.push(child.data);
    else if (child.nodeType === 1 && depth < DEEP && room.left > 0 && !DROPPED.has(child.nodeName.toUpperCase())) made.push(...element(child, room, depth));
  }
  return made;
}

function element(old, room, depth) {
  room.left -= 1;
  if (old.nodeName === "IMG") return old.alt ? [h("span", { class: "quiet" }, `[${old.alt}]`)] : [];
  const children = anew(old, room, depth + 1);
  if (!KEPT.has(old.nodeName)) return children;
  return [h(old.nodeName.toLowerCase(), attributes(old), ...children)];
}

function attributes(old) {
  const href = old.nodeName === "A" ? (old.getAttribute("href") ?? "") : "";
  const found = OUTSIDE.test(href) ? { href, rel: "noopener noreferrer nofollow", target: "_blank" } : {};
  for (const name of ["colspan", "rowspan", "start"]) if (/^\d{1,3}$/.test(old.getAttribute(name) ?? "")) found[name] = old.getAttribute(name);
  return found;
}
