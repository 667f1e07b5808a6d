// What differs between two JSON values. Pure.

const DEEP = 24;

const isBranch = (value) => value !== null && typeof value === "object";

/** A list of {path, before, after}; what one of them lacks is undefined there. */
export function differences(before, after, path = "", depth = 0) {
  if (!isBranch(before) || !isBranch(after) || Array.isArray(before) !== Array.isArray(after) || depth > DEEP) {
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, before, after }];
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => differences(before[key], after[key], step(path, key, Array.isArray(before)), depth + 1));
}

function step(path, key, inList) {
  if (inList) return `${path}[${key}]`;
  return path ? `${path}.${key}` : key;
}
