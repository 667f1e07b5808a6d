// The sha-256 of files, taken in a worker, so that the page stays free and large files need no memory.

const EDGE = 64 * 1024; // bytes at the beginning, in the middle and at the end

let worker = null;
let asked = 0;
const answers = new Map();

/** Resolves to the sha-256 as hexadecimal digits; "" where it can't be had, or `signal` said stop. */
export function digest(blob, { signal = null, atOnce = false } = {}) {
  asked += 1;
  const key = asked;
  return new Promise((resolve) => {
    answers.set(key, resolve);
    signal?.addEventListener("abort", () => worker.postMessage({ stop: key }));
    start().postMessage({ key, blob, atOnce });
  });
}

/** As `digest`, of the beginning, the middle and the end only: tells files apart that share name, size and date. */
export function sample(file) {
  const middle = Math.floor(file.size / 2);
  const parts = [file.slice(0, EDGE), file.slice(middle, middle + EDGE), file.slice(Math.max(0, file.size - EDGE))];
  return digest(new Blob(parts), { atOnce: true });
}

function start() {
  if (worker) return worker;
  worker = new Worker(import.meta.resolve("millrace/workers/hashing"), { type: "module" });
  worker.postMessage({ address: import.meta.resolve("vendor/hash-wasm") });
  worker.onmessage = ({ data: { key, sha256 } }) => settle(key, sha256);
  worker.onerror = () => {
    for (const key of [...answers.keys()]) settle(key, "");
  };
  return worker;
}

function settle(key, sha256) {
  answers.get(key)?.(sha256);
  answers.delete(key);
}
