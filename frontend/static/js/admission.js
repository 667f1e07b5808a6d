// What may be sent at all: the limits of the server and the space's room, said before a byte goes. Only this refuses by itself.

import { boot } from "millrace/boot";
import { bytes, gettext, ngettext } from "millrace/words";

const SENDING = new Set(["waiting", "sending", "paused"]);

/** Why an item can't be taken, "" where it can; `room` is what the space can take in bytes, beside all that is queued. */
export function refusal({ size, name }, batch, room) {
  const { limits } = boot;
  if (size > limits.bytes) return gettext("Larger than the %(limit)s that this server takes.", { limit: bytes(limits.bytes) });
  if (new TextEncoder().encode(name).length > 255) return gettext("The name is longer than 255 bytes.");
  if (size > room) return gettext("The space has room for %(room)s only.", { room: bytes(Math.max(0, room)) });
  if (batch.given > limits.files) return ngettext("A drop takes at most %(count)s file.", "A drop takes at most %(count)s files.", limits.files);
  return "";
}

/** What is left of so much room when all that is queued has gone. */
export function roomBeside(items, room) {
  if (room === Infinity) return room;
  let left = room;
  for (const item of items) if (!item.id && SENDING.has(item.state)) left -= item.size;
  return left;
}

/** A drop: what is added to it later still belongs to it. `count` is what the server is to expect of it, `told` what it expects. */
export const newDrop = (key = newKey()) => ({ key, given: 0, count: 0, told: 0, ids: new Set() });

/** A random UUID; crypto.randomUUID is not there for pages over plain http. */
function newKey() {
  const digits = crypto.getRandomValues(new Uint8Array(16));
  digits[6] = (digits[6] & 15) | 64;
  digits[8] = (digits[8] & 63) | 128;
  const words = [...digits].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return words.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
