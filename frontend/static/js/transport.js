// How one file travels: small ones in a single request, larger ones by tus so that they can be resumed.

import { address, ask, boot, proof, refusal, Refused } from "millrace/boot";
import { sample } from "millrace/digests";

export const SMALL = 1024 * 1024; // bytes; up to here one request is cheaper than being able to resume
const MOST_FOUND = 1000; // files in one answer

/** Metadata as tus wants it: keys with base64 of UTF-8. */
export function metadata(fields) {
  return Object.entries(fields)
    .filter(([, value]) => value !== "" && value !== null && value !== undefined)
    .map(([key, value]) => `${key} ${base64(String(value))}`)
    .join(",");
}

function base64(text) {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** The file's id in the address of its upload. */
const idOf = (location) => location.replace(/[?#].*$/, "").replace(/\/+$/, "").split("/").pop();

/** Sends a file with its creation, in one request. Resolves to its id; throws Refused, or AbortError. */
export async function sendWhole(file, fields, signal) {
  const headers = {
    "Tus-Resumable": "1.0.0",
    "Upload-Length": String(file.size),
    "Upload-Metadata": metadata(fields),
    "Content-Type": "application/offset+octet-stream",
    ...proof(),
  };
  let answer;
  try {
    answer = await fetch(address("/uploads/"), { method: "POST", headers, body: file, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw (await unreadable(file)) ?? new Refused(0, "offline", "");
  }
  const body = await answer.text(); // read even where it is empty, or the browser counts the request as broken off
  if (answer.status !== 201) throw refusal(answer.status, body);
  const offset = answer.headers.get("Upload-Offset");
  if (offset !== null && Number(offset) !== file.size) throw new Refused(0, "cut", "");
  return idOf(answer.headers.get("Location"));
}

/**
 * The files of a batch by `whoIs` of each: what has arrived there, whoever remembers. `size` (bytes, several with commas)
 * looks for some of them only. Throws Refused.
 */
export async function arrived(batch, { size = "", signal } = {}) {
  const files = new Map();
  let cursor = "";
  do {
    const page = await ask("GET", "/api/files/", { parameters: { batch, size, cursor, limit: MOST_FOUND }, signal });
    for (const file of page.items) {
      const key = whoIs(file);
      files.set(key, [...(files.get(key) ?? []), file]);
    }
    cursor = page.next;
  } while (cursor);
  return files;
}

/** What makes a file of a batch this one and no other. */
export const whoIs = ({ path, name, size }) => `${path || ""}\n${name}\n${size}`.normalize("NFC"); // as the server keeps names

/** A file that was moved or changed since it was chosen can't be read; the network is not to blame then. */
async function unreadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return null;
  } catch {
    return new Refused(400, "unreadable", "");
  }
}

/** Forgets what other people's uploads from this browser are called and where they lie. */
export function forgetOthers() {
  const mine = `tus::millrace/${boot.user}/`;
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith("tus::millrace/") && !key.startsWith(mine)) localStorage.removeItem(key);
  }
}

let loading = null;

/** The tus client, fetched when the first large file asks for it. */
function tusClient() {
  loading ??= import("vendor/tus").then((module) => module.default ?? globalThis.tus);
  return loading;
}

/**
 * A resumable sending of one file.
 *
 * `start()` resolves to the file's id when every byte is received, and throws Refused; called again it goes on from the
 * offset that the server tells. `onProgress(sent)` hears the bytes, `onId(id)` the id as soon as there is one; `id` names
 * an upload that is known to be this file's.
 */
export class Resumable {
  #upload = null;
  #stopped = false;
  #creating = false; // a request is under way that will tell where the upload lies; breaking it off would leave one behind
  #unwanted = false;

  constructor(file, fields, { onProgress, onId, id = null }) {
    Object.assign(this, { file, fields, onProgress, onId, id });
  }

  async start() {
    this.#stopped = false;
    const tus = await tusClient();
    let settle;
    const done = new Promise((resolve, reject) => (settle = { resolve, reject }));
    this.settle = settle;
    this.#upload ??= await this.#prepare(tus);
    if (this.#stopped) return done; // somebody said so meanwhile
    Object.assign(this.#upload.options, {
      onSuccess: () => settle.resolve(idOf(this.#upload.url)),
      onError: async (error) => {
        this.#creating = false;
        settle.reject((await unreadable(this.file)) ?? reason(error));
      },
    });
    if (!this.#creating) {
      this.#creating = !this.#upload.url && !this.id;
      this.#upload.start();
    }
    return done;
  }

  async #prepare(tus) {
    const upload = new tus.Upload(this.file, {
      endpoint: address("/uploads/"),
      metadata: Object.fromEntries(Object.entries(this.fields).filter(([, value]) => value !== "").map(([key, value]) => [key, String(value)])),
      retryDelays: null, // when to try again is for the queue to say
      removeFingerprintOnSuccess: true,
      uploadUrl: this.id ? address(`/uploads/${this.id}`) : null,
      fingerprint: () => this.fingerprint(),
      onBeforeRequest: (request) => {
        for (const [name, value] of Object.entries(proof())) request.setHeader(name, value);
      },
      onProgress: (sent) => this.onProgress(sent),
      onUploadUrlAvailable: () => {
        this.#creating = false;
        this.onId(idOf(upload.url));
        if (this.#stopped) upload.abort(this.#unwanted).catch(() => {});
      },
    });
    const earlier = this.id ? [] : await upload.findPreviousUploads();
    if (earlier.length) upload.resumeFromPreviousUpload(earlier.at(-1));
    return upload;
  }

  /** The same content of the same person into the same space, so that a wrong one is never gone on with. */
  async fingerprint() {
    const { name, size, lastModified } = this.file;
    this.look ??= await sample(this.file);
    return ["millrace", boot.user, boot.space, this.fields.path ?? "", name, size, lastModified, this.look].join("/");
  }

  /** Stops; the bytes that arrived are kept. */
  async pause() {
    this.#stopped = true;
    this.settle?.reject(new DOMException("paused", "AbortError"));
    if (!this.#creating) await this.#upload?.abort();
  }

  /** Stops, and has the server throw away what arrived. Rejects where it could not be told. */
  async cancel() {
    this.#stopped = true;
    this.settle?.reject(new DOMException("cancelled", "AbortError"));
    this.#unwanted = true;
    if (!this.#upload) throw new Refused(0, "not begun", "");
    if (!this.#creating) await this.#upload.abort(true);
  }
}

function reason(error) {
  const answer = error.originalResponse;
  if (!answer) return new Refused(0, "offline", "");
  return refusal(answer.getStatus(), answer.getBody());
}
