// What the server was told of the number of a drop's files. Only this corrects it, where some that were announced don't come.

import { ask } from "millrace/boot";

/** How many files the server is to expect, as a request says it; of all that say so the largest counts. */
export function tell(batch) {
  batch.told = Math.max(batch.told, batch.count);
  return batch.count;
}

/** Says that fewer come than was told, or the drop would never end. Not while a request is on its way that tells of more. */
export async function correct(batch) {
  const { told } = batch;
  if (told <= batch.count || !batch.ids.size) return; // of whom nothing has come the server has not heard
  batch.told = batch.count;
  try {
    await ask("POST", `/api/batches/${encodeURIComponent(batch.key)}/total/`, { body: { total: batch.count || 1 } });
  } catch (error) {
    if (error.status !== 404) batch.told = Math.max(batch.told, told); // it is said again with the next one
  }
}
