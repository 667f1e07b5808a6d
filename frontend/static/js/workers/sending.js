// Sends small files, many in one form, beside the page's thread: reading each and asking for a request are what they cost. Runs in
// a worker; millrace/together speaks to it.

const stops = new Map(); // by key, of what is under way
const reader = new FileReaderSync();
const encoder = new TextEncoder();

onmessage = ({ data: { key, stop, load } }) => {
  if (stop) stops.get(key)?.abort();
  else send(key, load);
};

async function send(key, load) {
  const control = new AbortController();
  stops.set(key, control);
  postMessage({ key, ...(await answer(load, control.signal)) });
  stops.delete(key);
}

/** {status, text} of the answer, 0 where none came; {broken: true} where a file can't be read. */
async function answer({ address, headers, fields, files }, signal) {
  const boundary = [...crypto.getRandomValues(new Uint8Array(20))].map((byte) => byte.toString(16)).join("");
  let body;
  try {
    body = form(boundary, fields, files);
  } catch {
    return { broken: true };
  }
  try {
    const all = { ...headers, "Content-Type": `multipart/form-data; boundary=${boundary}` };
    const got = await fetch(address, { method: "POST", headers: all, body, signal });
    return { status: got.status, text: await got.text() };
  } catch {
    return { status: 0, text: "" };
  }
}

/** A form (RFC 7578) in one piece; the browser's own would ask another process about each file. */
function form(boundary, fields, files) {
  const pieces = [];
  const part = (name, content, filename = null) => {
    const more = filename === null ? "" : `; filename="${escaped(filename)}"`;
    pieces.push(encoder.encode(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n`), content, encoder.encode("\r\n"));
  };
  for (const [name, value] of Object.entries(fields)) part(name, encoder.encode(String(value)));
  for (const { file, name, path } of files) {
    if (path) part("path", encoder.encode(path));
    part("file", new Uint8Array(reader.readAsArrayBuffer(file)), name);
  }
  pieces.push(encoder.encode(`--${boundary}--\r\n`));
  return joined(pieces);
}

/** As browsers write a file's name (HTML, 4.10.21.8). */
const escaped = (name) => name.replaceAll("\n", "%0A").replaceAll("\r", "%0D").replaceAll('"', "%22");

function joined(pieces) {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
