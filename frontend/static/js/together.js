// How light files travel: many of one drop in one request, which a worker makes. Only this knows who of them arrived.

import { address, proof, refusal, Refused } from "millrace/boot";

let worker = null;
let asked = 0;
const answers = new Map();

/**
 * Sends the files of items in one request. Resolves to the id of each, in their order: null for one that was refused, or not
 * come to. Throws Refused where that holds for all ("unreadable" where a file can't be read), or AbortError.
 */
export async function sendTogether(items, { batch, batch_total }, signal) {
  const files = items.map(({ file, name, path }) => ({ file, name, path }));
  const headers = { Accept: "application/json", ...proof() };
  const { broken, status, text } = await tell({ address: address("/upload/"), headers, fields: { batch, batch_total }, files }, signal);
  if (broken) throw new Refused(400, "unreadable", "");
  if (status === 0) throw new Refused(0, "offline", "");
  if (status !== 201) throw refusal(status, text);
  const { files: taken, refused } = JSON.parse(text);
  const places = new Set(refused.map(({ index }) => index));
  const ids = taken.map(({ id }) => id);
  return items.map((_item, place) => (places.has(place) ? null : (ids.shift() ?? null)));
}

function tell(load, signal) {
  asked += 1;
  const key = asked;
  return new Promise((resolve, reject) => {
    const stop = () => {
      answers.delete(key);
      worker?.postMessage({ key, stop: true });
      reject(signal.reason);
    };
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop);
    answers.set(key, (answer) => {
      signal.removeEventListener("abort", stop);
      resolve(answer);
    });
    start().postMessage({ key, load });
  });
}

function start() {
  if (worker) return worker;
  worker = new Worker(import.meta.resolve("millrace/workers/sending"), { type: "module" });
  worker.onmessage = ({ data: { key, ...answer } }) => settle(key, answer);
  worker.onerror = () => {
    worker = null; // the server is away: the next load asks for it again
    for (const key of [...answers.keys()]) settle(key, { status: 0 });
  };
  return worker;
}

function settle(key, answer) {
  answers.get(key)?.(answer);
  answers.delete(key);
}
