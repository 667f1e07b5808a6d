// One file of this page's queue.

let numbered = 0;

/**
 * One file on its way.
 *
 * `state`: waiting, sending, paused, here (the space has it already; somebody must say what to do), refused (it says why
 * in `error`), sent. `id` is the file's, once it has one. `checking` says that it waits until it is known whether the
 * space has it already.
 */
export class Item {
  constructor(file, path, batch) {
    numbered += 1;
    this.key = `item-${numbered}`;
    this.file = file;
    this.name = file.name;
    this.path = path;
    this.size = file.size;
    this.kind = kindOf(file);
    this.batch = batch.key;
    this.total = batch;
    this.createdAt = new Date().toISOString();
    this.state = "waiting";
    this.sent = 0;
    this.speed = 0;
    this.tries = 0;
    this.note = "";
    this.error = "";
    this.id = null;
    this.checking = false;
    this.counted = false; // whether the drop's number of files, as the server is told it, has this one
    this.sha256 = "";
    this.doubtful = false; // whether it may have arrived although no answer came
    this.twin = null; // the file of the space that has the same content
    this.kept = null; // where the browser keeps it until it is sent
    this.notBefore = 0;
    this.sending = null; // what can be paused now
    this.resumable = null; // its upload, where it can be gone on with
    this.alone = false; // whether it must not go with others, since they have been refused together
  }

  /** Whether the server is to expect it. */
  count(counted) {
    if (counted === this.counted) return;
    this.counted = counted;
    this.total.count += counted ? 1 : -1;
  }
}

/** A guess for the tile until the server has looked inside. */
function kindOf({ type, name }) {
  const family = type.split("/")[0];
  if (["image", "audio", "video", "font"].includes(family)) return family;
  if (type === "application/pdf") return "pdf";
  if (/\.(csv|tsv|xlsx?|parquet|ods)$/i.test(name)) return "table";
  if (/\.(zip|tar|gz|7z|xz|rar)$/i.test(name)) return "archive";
  return family === "text" ? "text" : "";
}
