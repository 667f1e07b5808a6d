// What the server told this page, and the one way to ask it for something more.

export const boot = JSON.parse(document.getElementById("boot")?.textContent ?? "{}");

/** The value of a cookie, "" where there is none. */
function cookie(name) {
  const pair = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return pair ? decodeURIComponent(pair.slice(name.length + 1)) : "";
}

/**
 * Headers that show that our own page makes the request, and for whom: another may have signed in since. The token is read anew
 * each time, since signing in changes it.
 */
export function proof() {
  return { [boot.csrf.header]: cookie(boot.csrf.cookie), "X-Millrace-User": String(boot.user) };
}

/** An address with this page's space and further parameters. */
export function address(path, parameters = {}) {
  const url = new URL(path, location.origin);
  for (const [name, value] of new URLSearchParams(boot.query)) url.searchParams.set(name, value);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  return url.pathname + url.search;
}

/** A refusal by the server, or (status 0) no answer at all. */
export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The JSON that the API answers, null where it answers nothing. Throws Refused. */
export async function ask(method, path, { parameters, signal, body } = {}) {
  const headers = { Accept: "application/json", ...(method === "GET" ? {} : proof()) };
  if (body) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(address(path, parameters), { method, headers, signal, body: body && JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "offline", "");
  }
  if (answer.status === 401) location.assign(`/sign-in/?next=${encodeURIComponent(location.pathname + location.search)}`);
  const text = await answer.text();
  if (answer.ok) return text ? JSON.parse(text) : null;
  throw refusal(answer.status, text);
}

/**
 * Keeps answers to one and the same question in order: called when it is asked, it gives a function that says, when the answer
 * is there, whether that is news. What was asked earlier and is answered later is none.
 */
export function inTurn() {
  let asked = 0;
  let answered = 0;
  return () => {
    const turn = (asked += 1);
    return () => {
      if (turn < answered) return false;
      answered = turn;
      return true;
    };
  };
}

/** The Refused that a status and a body mean. */
export function refusal(status, body) {
  try {
    const { code, message } = JSON.parse(body).error;
    return new Refused(status, code, message);
  } catch {
    return new Refused(status, "internal", "");
  }
}
