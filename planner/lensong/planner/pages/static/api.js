// The planner's API: one way to ask, one kind of refusal.
import { ROOT, knows, language, say } from "./dom.js";

let token = document.querySelector('meta[name="csrf"]')?.content ?? "";
let asker = null; // who is signed in, where there are several people
export const PLANS = `${ROOT}/api/v1/plans`;

const OF_STATUS = { 0: "no_answer", 401: "not_signed_in", 403: "forbidden", 413: "too_large" };

/** Return what is told of a refusal. What the program says of a value is English: in another
 * language words of its own stand before it. */
export function refusalText({ code, title, detail }, status = 200) {
  const known = OF_STATUS[status] ?? (status >= 500 ? "fault" : code);
  const whole = say(knows(`refusal.${known}`) ? `refusal.${known}` : "refusal.refused");
  if (["no_answer", "fault"].includes(known) || !(detail || title)) return whole;
  return language === "en" ? detail || title : `${whole}: ${detail || title}`;
}

/** A refusal of the server, or none at all (`status` 0: it does not answer). */
export class Refusal extends Error {
  constructor(status, problem) {
    super(refusalText(problem, status));
    this.status = status;
    this.problem = problem;
  }
}

/** Take the token of the session that there is now; return who they are that signed in, where it
 * is somebody else than before. */
export async function renewToken() {
  if (!token) return "";
  const { actor, name, csrf } = await get(`${ROOT}/api/v1/me`);
  const other = asker !== null && asker !== actor;
  [token, asker] = [csrf ?? "", actor];
  return other ? name : "";
}

/** Ask, and return the response if it is no refusal. */
export async function ask(method, path, options = {}) {
  try {
    return await asked(method, path, options);
  } catch (error) {
    // signed in anew in another tab, there is another token
    if (!token || error.problem?.code !== "csrf" || (await renewToken())) throw error;
    return asked(method, path, options);
  }
}

async function asked(method, path, { body, raw, signal, accept, cache }) {
  const headers = { "Accept-Language": language };
  if (accept) headers.Accept = accept;
  if (method !== "GET") headers["X-CSRF-Token"] = token;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      signal,
      cache,
      body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, {});
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new Refusal(answer.status, problem);
}

export const get = async (path, options) => (await ask("GET", path, options)).json();
export const post = async (path, body, options = {}) =>
  (await ask("POST", path, { body, ...options })).json();
export const patch = async (path, body) => (await ask("PATCH", path, { body })).json();
export const remove = (path) => ask("DELETE", path);

/** Return what stands for "none", undefined where every value is one. */
const noneOf = (text) => (text === "" ? undefined : text === "nan" ? NaN : Number(text));

const KINDS = {
  float32: Float32Array,
  int16: Int16Array,
  uint8: Uint8Array,
};

/** Ask for values of a window of the grid: the array, where it lies, and of which revision it is. */
export async function values(method, path, options) {
  const answer = await ask(method, path, { cache: "no-store", ...options }); // kept by who asks
  if (answer.status === 204) return null;
  const head = (name) => answer.headers.get(`Lensong-${name}`) ?? "";
  const [row0, col0, rows, cols, step] = head("Window").split(",").map(Number);
  const kind = KINDS[head("Dtype")];
  return {
    window: { row0, col0, rows, cols, step },
    data: new kind(await answer.arrayBuffer()),
    none: noneOf(head("None")),
    revision: Number(head("Revision")),
    settled: head("Settled"),
  };
}
