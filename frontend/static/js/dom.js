// Small hands for the page: elements without HTML strings, and one batch of changes per frame.

export const $ = (id) => document.getElementById(id);

/** An element: `h("p", {class: "note", onclick: f}, "text", child)`. Attributes that are null or false are left out. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An element of a drawing. */
export function s(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** An icon of parts/icons.html. */
export function icon(name, className = "icon") {
  return s("svg", { class: className, "aria-hidden": "true" }, s("use", { href: `#i-${name}` }));
}

/** Changes the icon that an element shows, where it is another: the browser copies it anew with each write. */
export function setIcon(svg, name) {
  const use = svg.firstElementChild;
  if (use.getAttribute("href") !== `#i-${name}`) use.setAttribute("href", `#i-${name}`);
}

/** Writes a text only where it differs: a write costs, a look does not. What holds a text already takes the new one in its place. */
export function setText(element, text) {
  if (element.textContent === text) return;
  const [only, ...others] = element.childNodes;
  if (only?.nodeType === Node.TEXT_NODE && !others.length && text) only.data = text;
  else element.textContent = text;
}

export function setHidden(element, hidden) {
  if (element && element.hidden !== hidden) element.hidden = hidden;
}

export function setData(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

/** How much of a bar is filled, 0 to 1. It glides forward, never back, and not where it tells of something else than before. */
export function setPart(bar, part, { anew = false } = {}) {
  const value = Math.max(0, Math.min(1, part || 0));
  const before = bar.part ?? 0;
  if (value === before) return;
  bar.classList.toggle("moves", value > before && !anew);
  bar.part = value;
  bar.style.setProperty("--part", value.toFixed(4));
}

/** The content of a template as a new element. */
export function clone(id) {
  return $(id).content.firstElementChild.cloneNode(true);
}

const waiting = new Set();
const UNSEEN = 500; // ms; a page that nobody sees gets no frames, but its lists must not grow for ever

let drawing = false;

/** Calls `work` in the next frame, once, however often it is asked for; asked for inside a frame, in the same one. */
export function inFrame(work) {
  if (waiting.size === 0 && !drawing) askForFrame();
  waiting.add(work);
}

function askForFrame() {
  if (document.hidden) setTimeout(runFrame, UNSEEN);
  else requestAnimationFrame(runFrame);
}

document.addEventListener("visibilitychange", () => {
  if (waiting.size) askForFrame();
});

const SHARE = 9; // times as long as it took does work rest: the page has a thread for everything else, too
const LONGEST_REST = 600; // ms

/** A function that calls `work` in a frame, and not again before `rest` ms are over, or more where its frames take long. */
export function calmly(work, rest) {
  let asked = false;
  let resting = false;
  const run = () => {
    asked = false;
    resting = true;
    const began = performance.now();
    work();
    setTimeout(() => { // it is drawn
      const took = performance.now() - began;
      setTimeout(wake, Math.min(LONGEST_REST, Math.max(rest - took, SHARE * took)));
    });
  };
  const wake = () => {
    resting = false;
    if (asked) inFrame(run);
  };
  return () => {
    if (!asked && !resting) inFrame(run);
    asked = true;
  };
}

const ROUNDS = 3; // of work that asks for more work in the same frame

function runFrame() {
  drawing = true;
  try {
    for (let round = 0; round < ROUNDS && waiting.size; round += 1) {
      const now = [...waiting];
      waiting.clear();
      for (const work of now) work();
    }
  } finally {
    drawing = false;
    if (waiting.size) askForFrame();
  }
}

const SLICE = 8; // ms of work between two breaths
const FIRST_SLICE = 64; // items, until it is known how long they take
const MOST_SLICE = 500; // items

/** Runs `work(some)` over a long list, some items at a time: as many as take no longer than the page may be silent. */
export async function sliced(list, work) {
  let size = FIRST_SLICE;
  for (let at = 0; at < list.length; ) {
    const began = performance.now();
    const some = list.slice(at, at + size);
    work(some);
    at += some.length;
    const took = Math.max(0.1, performance.now() - began);
    size = Math.max(8, Math.min(MOST_SLICE, 2 * size, Math.floor((some.length * SLICE) / took)));
    if (at < list.length) await breathe();
  }
}

/** Lets the page breathe inside long work. */
export const breathe = () => new Promise((resolve) => setTimeout(resolve));
