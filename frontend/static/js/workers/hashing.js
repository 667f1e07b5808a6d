// Takes the sha-256 of files, block by block, beside the page's thread. Runs in a worker; millrace/digests speaks to it.

const BLOCK = 4 * 1024 * 1024; // bytes in memory at once, and as many that are being read

const waiting = [];
const stopped = new Set();
let library = null;
let busy = false;

onmessage = ({ data: { address, key, blob, atOnce, stop } }) => {
  if (address) library = import(address).then(() => globalThis.hashwasm);
  else if (stop) stopped.add(stop);
  else if (atOnce) answer(key, blob);
  else {
    waiting.push({ key, blob });
    work();
  }
};

async function work() {
  if (busy) return;
  busy = true;
  for (let next = waiting.shift(); next; next = waiting.shift()) await answer(next.key, next.blob);
  busy = false;
}

async function answer(key, blob) {
  let sha256 = "";
  try {
    sha256 = await digest(key, blob);
  } catch {
    // the file can't be read, or the browser can't hash: "" says that nothing is known
  }
  stopped.delete(key);
  postMessage({ key, sha256 });
}

async function digest(key, blob) {
  const hash = await (await library).createSHA256();
  let reading = read(blob, 0);
  for (let at = 0; at < blob.size; at += BLOCK) {
    const block = await reading;
    if (stopped.has(key)) return "";
    if (at + BLOCK < blob.size) reading = read(blob, at + BLOCK); // while this one is hashed
    hash.update(new Uint8Array(block));
  }
  return hash.digest("hex");
}

const read = (blob, at) => blob.slice(at, at + BLOCK).arrayBuffer();
