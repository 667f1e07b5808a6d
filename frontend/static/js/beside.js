// The files beside one: the list that it was opened from, which this tab keeps, so that one file leads to the next.

const PLACE = "beside"; // in the session's storage
const MOST = 500; // files to either side

/** A file is opened from a list: keeps what stands around it, and the list's address. */
export function keepBeside(items, id, list) {
  const at = items.findIndex((file) => file.id === id);
  if (at < 0) return;
  const from = Math.max(0, at - MOST);
  const ids = items.slice(from, at + MOST + 1).map((file) => file.id);
  try {
    sessionStorage.setItem(PLACE, JSON.stringify({ list, ids }));
  } catch {
    // storage is full or forbidden: the file's page does without
  }
}

/** {list, previous, next} of a file: the address of its list, and the ids beside it or undefined; null where no list is known. */
export function beside(id) {
  try {
    const { list, ids } = JSON.parse(sessionStorage.getItem(PLACE));
    const at = ids.indexOf(id);
    return at < 0 || !list.startsWith("/files/") ? null : { list, previous: ids[at - 1], next: ids[at + 1] };
  } catch {
    return null; // nothing is kept
  }
}
