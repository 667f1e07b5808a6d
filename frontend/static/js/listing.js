// The files of one view, in its order, as far as they have been fetched. Pure: no page, no network.

const IN_ORDER = {
  created: (file) => file.created_at,
  finished: (file) => file.finished_at ?? "",
  name: (file) => file.name.toLocaleLowerCase(),
  size: (file) => file.size ?? -1,
};

const PARTS = /[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+|\d+/g; // of invoiceNo2024
const UNSPACED = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]/; // scripts without spaces between words

const folded = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
const wordsOf = (text) => folded(text).match(/[\p{L}\p{N}]+/gu) ?? [];

/** Whether a search finds a file by its name and folders, as `uploads/publishing/search.py` does: each word by its beginning. */
function isNamed(query, { name, path }) {
  const own = [...wordsOf(path || name), ...((path || name).match(PARTS) ?? []).map(folded)];
  const terms = wordsOf(query);
  return terms.length > 0 && terms.every((term) => own.some((word) => (UNSPACED.test(term) ? word.includes(term) : word.startsWith(term))));
}

export class Listing {
  /** `view`: {status, kind, batch, q, sort, fits}; `fits(file)` tells of further filters; a sort is a field, with "-" before it for the other way round. */
  constructor(view) {
    this.view = view;
    this.items = [];
    this.byId = new Map();
    this.next = undefined; // the cursor of the next page; null after the last, undefined before the first
    this.new = new Set(); // ids of new files of which the view can't tell where they belong
    const field = view.sort.replace(/^-/, "");
    this.value = IN_ORDER[field] ?? IN_ORDER.created;
    this.sign = view.sort.startsWith("-") ? -1 : 1;
  }

  get unseen() {
    return this.new.size;
  }

  /** A further page, as the API answers it. */
  add({ items, next }) {
    for (const file of items) {
      if (this.byId.has(file.id)) continue;
      this.byId.set(file.id, file);
      this.new.delete(file.id);
      this.items.push(file);
    }
    this.next = next;
  }

  /** A change of the stream; returns where a file came (+index+1) or went (-index-1), 0 where nothing moved. */
  change({ type, file, created = false }) {
    if (type === "unheld") return 0;
    if (type === "gone") this.new.delete(file.id);
    const known = this.byId.get(file.id);
    if (type === "gone" || (known && !this.#stays(file))) return known ? this.#remove(known) : 0;
    if (known) {
      this.#replace(known, file);
      return 0;
    }
    if (!this.#belongs(file)) return 0;
    if (this.view.q) {
      if (created && isNamed(this.view.q, file)) this.new.add(file.id);
      return 0;
    }
    return this.#insert(file);
  }

  /** Files in `ids` that are here, in order. */
  chosen(ids) {
    return this.items.filter(({ id }) => ids.has(id));
  }

  #stays(file) {
    const { status, kind, batch, fits = () => true } = this.view;
    return fits(file) && (!status || file.status === status) && (!kind || !file.kind || file.kind === kind) && (!batch || file.batch === batch);
  }

  #belongs(file) {
    return this.#stays(file) && (!this.view.kind || file.kind === this.view.kind);
  }

  #compare(a, b) {
    const [x, y] = [this.value(a), this.value(b)];
    const order = x < y ? -1 : x > y ? 1 : a.id < b.id ? -1 : 1;
    return order * this.sign;
  }

  #insert(file) {
    if (this.next === undefined) return 0;
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(this.items[middle], file) < 0) low = middle + 1;
      else high = middle;
    }
    if (low === this.items.length && this.next !== null) return 0; // it belongs to a page that is still to come
    this.items.splice(low, 0, file);
    this.byId.set(file.id, file);
    return low + 1;
  }

  #replace(known, file) {
    this.byId.set(file.id, file);
    const at = this.items.indexOf(known);
    this.items[at] = file; // it keeps its place: rows do not run away while somebody reads
  }

  #remove(known) {
    const at = this.items.indexOf(known);
    this.items.splice(at, 1);
    this.byId.delete(known.id);
    return -at - 1;
  }
}
