// Lets what has to make room glide to its new place: the only module that moves things by hand. An animation of the browser's
// own would do it with less, but browsers take what begins one for a jump of the layout.

const LONG = 200; // ms
const LEAST = 2; // px; less is not worth a movement
const still = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * Runs `change`; those of `elements()` that it moved, and that are in sight, glide there from where they were seen. What lies
 * inside another of them comes after it, and goes along with it. Looks at the layout twice, so it is for changes of what there is, not for each event. Resolves
 * when all have come to rest, and have been drawn there: nothing should move them before.
 */
export async function glide(elements, change) {
  if (still.matches || document.hidden) {
    change();
    return;
  }
  const seen = new Map();
  for (const element of elements()) {
    const { top, height } = element.getBoundingClientRect();
    if (height) seen.set(element, top);
  }
  change();
  const way = new Map();
  for (const element of elements()) way.set(element, far(element, seen));
  const moved = [...way].map(([element, by]) => ({ element, by: by - carried(element, way) })).filter(({ by }) => Math.abs(by) >= LEAST);
  if (!moved.length) return;
  let began = null; // with the first picture, however late that comes: who saw nothing of the way saw a jump
  let part = 0; // of the way
  do {
    const left = (1 - part) ** 2; // quick at first
    for (const { element, by } of moved) element.style.transform = `translateY(${(by * left).toFixed(1)}px)`;
    await drawn();
    began ??= performance.now();
    part = (performance.now() - began) / LONG;
  } while (part < 1);
  for (const { element } of moved) element.style.transform = "";
  await drawn();
}

const UNSEEN = 500; // ms after which nobody waits for a picture: a window behind others draws none

const drawn = () =>
  new Promise((resolve) => {
    requestAnimationFrame(resolve);
    setTimeout(resolve, UNSEEN);
  });

/** How far it goes with what it lies in. */
function carried(element, way) {
  for (let outer = element.parentElement; outer; outer = outer.parentElement) if (way.has(outer)) return way.get(outer);
  return 0;
}

/** How far from here it was seen, 0 where it was not, or where neither place is in sight. */
function far(element, seen) {
  const { top, bottom } = element.getBoundingClientRect();
  const by = (seen.get(element) ?? top) - top;
  return Math.min(top, top + by) < innerHeight && Math.max(bottom, bottom + by) > 0 ? by : 0;
}
