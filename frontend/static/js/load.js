// Which files of the queue go together in one request: most of what a small file costs is its request. Pure.

const LIGHT = 32 * 1024; // bytes; up to here
const MOST_BYTES = 256 * 1024; // in one request: soon sent, and soon sent again
const MOST_FILES = 32; // in one request

const isLight = ({ size, id, alone }) => size <= LIGHT && !id && !alone;

/** The next that may go, as a list: one, or several light ones of the same drop; empty where none may. */
export function nextLoad(waiting) {
  const first = waiting.take();
  if (!first) return [];
  const load = [first];
  let bytes = first.size;
  const joins = (item) => isLight(item) && item.batch === first.batch && bytes + item.size <= MOST_BYTES;
  while (isLight(first) && load.length < MOST_FILES) {
    const next = waiting.take(joins);
    if (!next) break;
    load.push(next);
    bytes += next.size;
  }
  return load;
}
