// Which files belong together, and where each group stands. Pure: no page, no socket.

export const IN_FLIGHT = new Set(["receiving", "queued", "processing", "waiting", "sending", "paused"]);
const SENDING = new Set(["waiting", "sending", "paused"]);
const RANK = { processing: 0, sending: 1, receiving: 1, refused: 2, failed: 2, here: 2, paused: 3, queued: 4, waiting: 5, cancelled: 7, processed: 6 };
const LARGE = 400; // entries; a group that has ended keeps no more than about this many

/** A file as this page knows it: as an item of its own queue, as a file of the server, or both. */
class Entry {
  constructor(key, group) {
    this.key = key;
    this.group = group;
    this.item = null;
    this.file = null;
    this.version = 0; // grows with every change, so that a row knows whether it is current
    this.counted = null; // the status that the group has counted
    this.bytes = 0;
    this.received = 0;
    this.turn = null; // {place, wait} in the queue, while it is known
    this.gone = null; // the id of its file that was deleted before the answer to its sending came
  }

  get status() {
    const { file, item } = this;
    if (file && file.status !== "receiving") return file.status;
    if (!item) return file.status;
    if (item.state === "sent") return "queued";
    return item.state;
  }

  get name() {
    return (this.file ?? this.item).name;
  }

  get path() {
    return (this.file ?? this.item).path;
  }

  get size() {
    return this.file?.size ?? this.item?.size ?? null;
  }

  get kind() {
    return this.file?.kind ?? this.item?.kind ?? "";
  }

  get id() {
    return this.file?.id ?? null;
  }

  get createdAt() {
    return this.file?.created_at ?? this.item.createdAt;
  }

  get receivedBytes() {
    if (this.file && this.file.status !== "receiving") return this.size ?? 0;
    return Math.max(this.item?.sent ?? 0, this.file?.received ?? 0);
  }
}

class Group {
  constructor(key, batch) {
    this.key = key;
    this.batch = batch;
    this.entries = [];
    this.counts = {};
    this.bytes = 0;
    this.received = 0;
    this.total = null; // files, where somebody has said
    this.told = null; // {counts, total} from the server, for groups of which not every file is held
    this.createdAt = "";
    this.endedAt = "";
    this.version = 0;
    this.complete = true; // whether every file of it is held here
    this.sorted = true; // whether its entries stand in the order in which they came
    this.awaiting = new Map(); // entries that are being sent and have no file yet, by path and name
  }

  count(...statuses) {
    return statuses.reduce((sum, status) => sum + (this.counts[status] ?? 0), 0);
  }

  /** Files by status, of all of them as far as is known. */
  get numbers() {
    if (this.complete || !this.told) return this.counts;
    const unsent = {};
    for (const status of ["waiting", "refused", "here"]) unsent[status] = this.counts[status] ?? 0;
    return { ...this.told.counts, ...unsent };
  }

  get size() {
    return Math.max(this.total ?? 0, this.told?.total ?? 0, this.entries.length);
  }

  get active() {
    for (const status of IN_FLIGHT) if (this.numbers[status] > 0) return true;
    return false;
  }

  get sending() {
    for (const status of SENDING) if (this.counts[status] > 0) return true;
    return false;
  }

  /** The folder that everything in it came from, "" if there is none. */
  get folder() {
    const tops = new Set(this.entries.slice(0, 200).map(({ path }) => (path?.includes("/") ? path.slice(0, path.indexOf("/")) : "")));
    return tops.size === 1 ? [...tops][0] : "";
  }

  /** Entries as they came; a snapshot tells of the newest first. */
  inOrder() {
    if (!this.sorted) this.entries.sort((a, b) => compare(a.createdAt, b.createdAt) || compare(a.id ?? "", b.id ?? ""));
    this.sorted = true;
    return this.entries;
  }

  /** Entries with what moves first; within a rank as they came. */
  ranked() {
    const ranks = Array.from({ length: 8 }, () => []);
    for (const entry of this.inOrder()) ranks[RANK[entry.status] ?? 7].push(entry);
    ranks[6].reverse(); // what was processed last comes first
    return ranks.flat();
  }
}

export class Groups {
  constructor() {
    this.groups = new Map();
    this.byFile = new Map();
    this.byItem = new Map();
    this.changed = new Set(); // groups since the last look
    this.endings = []; // groups that ended since the last look
    this.version = 0; // grows when groups come, go, start or end
  }

  /** What the store says of a file. */
  fileChanged({ type, file, live }) {
    if (type === "put") this.#put(file, live);
    else this.#gone(file, type);
  }

  /** An item of the page's own queue came or changed. */
  itemChanged(item) {
    let entry = this.byItem.get(item.key);
    if (!entry) {
      const group = this.#group(item.batch, item.batch);
      entry = new Entry(this.byFile.get(item.id)?.key ?? item.key, group); // it goes on in the row that its file has already
      entry.item = item;
      this.byItem.set(item.key, entry);
      group.entries.push(entry);
    }
    if (item.state === "sent" && entry.gone === item.id) {
      this.byItem.delete(item.key);
      this.#drop(entry);
      return;
    }
    const underWay = item.state === "sending" || (item.state === "paused" && item.resumable);
    this.#await(entry, Boolean(underWay && !item.id && !entry.file));
    const held = item.id && this.byFile.get(item.id);
    if (item.id && !held) this.#adopt(entry, item.id);
    else if (held && held !== entry) this.#merge(entry, held);
    this.#count(entry);
  }

  /** An item was taken back before a file came of it. */
  itemGone(item) {
    const entry = this.byItem.get(item.key);
    this.byItem.delete(item.key);
    if (!entry) return;
    this.#await(entry, false);
    entry.item = null;
    if (entry.file) this.#count(entry);
    else this.#drop(entry);
  }

  /** Entries that are sent, and of whose files nothing has been heard. */
  unheard() {
    return [...this.byItem.values()].filter(({ item, file }) => item.state === "sent" && !file);
  }

  /** Of these, those of whose files nothing has been heard since are no longer held. */
  letGo(unheard) {
    for (const entry of unheard) {
      if (entry.file || this.byItem.get(entry.item.key) !== entry) continue;
      this.byItem.delete(entry.item.key);
      this.byFile.delete(entry.item.id);
      entry.group.complete = false;
      this.#drop(entry);
    }
  }

  /** What the server says of a batch as a whole. */
  told(batch) {
    const group = this.groups.get(batch.id);
    if (!group) return;
    const wasActive = group.active;
    group.told = { counts: batch.counts, total: batch.total };
    const known = Object.values(batch.counts).reduce((sum, count) => sum + count, 0);
    const unsent = group.count("waiting", "refused", "here", "sending", "paused");
    group.complete = group.entries.length - unsent >= known - unsent && group.entries.length >= known;
    this.#touch(group);
    this.#compare(group, wasActive);
  }

  /** Ids of files that wait to be processed, at most so many; those of what is shown first come first. */
  queued(most) {
    const found = [];
    for (const group of this.split().flight) {
      if (!group.count("queued")) continue;
      for (const { status, id } of group.inOrder()) {
        if (status === "queued" && id) found.push(id);
        if (found.length === most) return found;
      }
    }
    return found;
  }

  /** Where a file stands in the queue, and seconds until its turn (null where nobody knows). */
  placed(id, place, wait) {
    const entry = this.byFile.get(id);
    if (!entry || (entry.turn?.place === place && entry.turn.wait === wait)) return;
    entry.turn = { place, wait };
    entry.version += 1;
    this.#touch(entry.group);
  }

  /** Groups: those with something in flight, newest first; and those that have ended, newest first. */
  split() {
    const flight = [];
    const ended = [];
    for (const group of this.groups.values()) (group.active ? flight : ended).push(group);
    flight.sort((a, b) => compare(b.createdAt, a.createdAt));
    ended.sort((a, b) => compare(b.endedAt || b.createdAt, a.endedAt || a.createdAt));
    return { flight, ended };
  }

  /** Lets go of all but the newest `most` groups that have ended; returns the ids of their files. */
  prune(most) {
    const gone = [];
    for (const group of this.split().ended.slice(most)) {
      for (const entry of group.entries) {
        if (entry.id) {
          gone.push(entry.id);
          this.byFile.delete(entry.id);
        }
        if (entry.item) this.byItem.delete(entry.item.key);
      }
      this.groups.delete(group.key);
      this.version += 1;
    }
    return gone;
  }

  /** Lets a large group that has ended keep its failures and newest files only; returns the ids of the others. */
  shrink(group) {
    if (group.entries.length <= LARGE || group.active) return [];
    const total = group.size;
    const kept = group.ranked().slice(0, LARGE);
    const keep = new Set(kept);
    const gone = [];
    group.told = { counts: { ...group.counts }, total };
    for (const entry of group.entries) {
      if (keep.has(entry)) continue;
      if (entry.item) this.byItem.delete(entry.item.key);
      if (entry.id) this.byFile.delete(entry.id);
      if (entry.id) gone.push(entry.id);
      this.#uncount(entry);
    }
    group.entries = group.entries.filter((entry) => keep.has(entry));
    group.total = total;
    group.complete = false;
    this.#touch(group);
    return gone;
  }

  #put(file, live) {
    let entry = this.byFile.get(file.id);
    if (!entry) {
      const key = file.batch ?? (file.parent ? `from:${file.parent}` : `file:${file.id}`);
      const group = this.#group(key, file.batch);
      entry = this.#awaited(group, file) ?? new Entry(file.id, group);
      if (!entry.item) group.entries.push(entry);
      if (!live) group.sorted = false;
      this.byFile.set(file.id, entry);
    }
    entry.file = file;
    this.#count(entry);
  }

  /** The item that a new file is likely to have come from: its answer may arrive after the event. */
  #awaited(group, file) {
    const waiting = group.awaiting.get(label(file));
    const entry = waiting?.values().next().value ?? null;
    if (entry) this.#await(entry, false);
    return entry;
  }

  #await(entry, waits) {
    const { awaiting } = entry.group;
    const key = label(entry.item);
    const waiting = awaiting.get(key);
    if (waits) awaiting.set(key, (waiting ?? new Set()).add(entry));
    else if (waiting?.delete(entry) && waiting.size === 0) awaiting.delete(key);
  }

  #adopt(entry, id) {
    if (entry.id && entry.id !== id) {
      this.byFile.delete(entry.id); // it was another's: that one finds its own row again with its next event
      entry.file = null;
    }
    this.byFile.set(id, entry);
  }

  #merge(entry, held) {
    const other = held.item;
    this.byFile.set(entry.item.id, entry);
    [entry.file, held.file] = [held.file, entry.file];
    if (held.file) this.byFile.set(held.file.id, held);
    if (other) this.#count(held);
    else this.#drop(held);
  }

  #gone(file, type) {
    const entry = this.byFile.get(file.id);
    if (!entry) return;
    this.byFile.delete(file.id);
    if (type === "unheld") entry.group.complete = false;
    if (entry.item && IN_FLIGHT.has(entry.item.state) && type === "gone" && entry.item.state !== "sent") {
      entry.file = null;
      entry.gone = file.id;
      this.#count(entry);
      return;
    }
    if (entry.item) this.byItem.delete(entry.item.key);
    if (type === "gone" && entry.group.total) entry.group.total -= 1;
    this.#drop(entry);
  }

  #group(key, batch) {
    let group = this.groups.get(key);
    if (!group) {
      group = new Group(key, batch ?? null);
      this.groups.set(key, group);
      this.version += 1;
    }
    return group;
  }

  #drop(entry) {
    const { group } = entry;
    const wasActive = group.active;
    this.#uncount(entry);
    const at = group.entries.lastIndexOf(entry); // when all go, the last ones go first
    if (at >= 0) group.entries.splice(at, 1);
    this.#touch(group);
    if (group.entries.length > 0) return this.#compare(group, wasActive);
    this.groups.delete(group.key);
    this.version += 1;
  }

  #uncount(entry) {
    const { group } = entry;
    if (entry.counted !== null) group.counts[entry.counted] -= 1;
    group.bytes -= entry.bytes;
    group.received -= entry.received;
    entry.counted = null;
    entry.bytes = entry.received = 0;
  }

  #count(entry) {
    const { group } = entry;
    const wasActive = group.active;
    this.#uncount(entry);
    entry.counted = entry.status;
    entry.bytes = entry.size ?? 0;
    entry.received = Math.min(entry.receivedBytes, entry.size ?? Infinity);
    group.counts[entry.counted] = (group.counts[entry.counted] ?? 0) + 1;
    group.bytes += entry.bytes;
    group.received += entry.received;
    if (!group.createdAt || compare(entry.createdAt, group.createdAt) < 0) group.createdAt = entry.createdAt;
    const finished = entry.file?.finished_at ?? "";
    if (finished > group.endedAt) group.endedAt = finished;
    entry.version += 1;
    this.#touch(group);
    this.#compare(group, wasActive);
  }

  /** Says so where a group has begun to be in flight, or has ended. */
  #compare(group, wasActive) {
    if (group.active === wasActive) return;
    this.version += 1;
    if (wasActive && group.entries.length > 1) this.endings.push(group);
  }

  #touch(group) {
    group.version += 1;
    this.changed.add(group);
  }
}

function label({ path, name }) {
  return `${path || ""}\n${name}`.normalize("NFC"); // as the server keeps names
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
