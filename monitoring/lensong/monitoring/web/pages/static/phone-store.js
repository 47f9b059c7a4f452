// What the phone keeps: who it is, and reports that wait. Every report is delivered exactly once:
// its number is given in the transaction that stores it, the server knows (site, client, number),
// and it is deleted only after the server has said what became of it. It belongs to the site where
// it was measured, whatever site the phone has joined since.

const ROOT = document.documentElement.dataset.root;
const NAME = `lensong${ROOT}`; // two services of one host do not share what they keep
const MOST = 1000;
const AT_ONCE = 100;
const PATIENCE_MS = 30000;

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

// phones close the database of a page in the background: it is opened again when it is needed
let opened = null;
function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("kept");
      request.result.createObjectStore("reports", { keyPath: "seq" });
    };
    request.onsuccess = () => {
      const found = request.result;
      found.onclose = () => (opened = null);
      found.onversionchange = () => {
        found.close();
        opened = null;
      };
      resolve(found);
    };
    request.onerror = () => {
      opened = null;
      reject(request.error);
    };
  });
  return opened;
}

async function once(stores, mode, work) {
  const transaction = (await database()).transaction(stores, mode);
  const ended = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
  ended.catch(() => {}); // told by what is awaited below, or by the work itself
  const result = await work(transaction);
  await ended;
  return result;
}

// a transaction that the closing of the database ended has left nothing behind, and is done anew
async function within(stores, mode, work) {
  const before = opened;
  try {
    return await once(stores, mode, work);
  } catch (error) {
    if (!["InvalidStateError", "AbortError"].includes(error?.name)) throw error;
    if (opened === before) opened = null;
    return once(stores, mode, work);
  }
}

export const recall = (key) =>
  within(["kept"], "readonly", (t) => done(t.objectStore("kept").get(key)));
export const keep = (key, value) =>
  within(["kept"], "readwrite", (t) => done(t.objectStore("kept").put(value, key)));
export const waiting = () =>
  within(["reports"], "readonly", (t) => done(t.objectStore("reports").getAll()));

export async function clientId() {
  const known = await recall("client_id");
  if (known) return known;
  const fresh = `phone-${[...crypto.getRandomValues(new Uint8Array(9))].map((b) => b.toString(16).padStart(2, "0")).join("")}`;
  await keep("client_id", fresh);
  return fresh;
}

// what proves to the service that the same phone asks again; no other phone has it
export async function phoneKey() {
  const known = await recall("phone_key");
  if (known) return known;
  const fresh = [...crypto.getRandomValues(new Uint8Array(16))]
    .map((b) => b.toString(16).padStart(2, "0"))
    .join("");
  await keep("phone_key", fresh);
  return fresh;
}

// what a link was traded for: the site of now, and the token of each site that was ever joined
export const joined = (who) =>
  within(["kept"], "readwrite", async (t) => {
    await done(t.objectStore("kept").put(who.token, `token ${who.site_id}`));
    await done(t.objectStore("kept").put(who, "who"));
  });

export function add(report) {
  return within(["kept", "reports"], "readwrite", async (t) => {
    const kept = t.objectStore("kept"),
      reports = t.objectStore("reports");
    const seq = (await done(kept.get("next_seq"))) ?? 0;
    await done(kept.put(seq + 1, "next_seq"));
    const site_id = report.site_id ?? (await done(kept.get("who"))).site_id;
    const all = await done(reports.getAll());
    if (all.length >= MOST) {
      const least = all.find((one) => one.result !== "success") ?? all[0];
      await done(reports.delete(least.seq));
    }
    await done(reports.put({ ...report, site_id, seq }));
    return seq;
  });
}

const forget = (seqs) =>
  within(["reports"], "readwrite", async (t) => {
    for (const seq of seqs) await done(t.objectStore("reports").delete(seq));
  });

let askedUntil = 0; // the server said so
let notBefore = 0; // our own patience after a failure
let failures = 0;

async function send(site, token, batch, left) {
  const now = new Date().toISOString();
  // a clock that was set back since leaves reports in its future, which nobody would take
  const told = batch.map(({ site_id, ...report }) => ({
    ...report,
    started_at: report.started_at < now ? report.started_at : now,
  }));
  const answer = await fetch(`${ROOT}/api/v1/sites/${site}/measurements`, {
    method: "POST",
    signal: AbortSignal.timeout(PATIENCE_MS),
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: JSON.stringify({
      client_id: await clientId(),
      sent_at: now,
      queue_reports: left,
      oldest_report_at: told.map((report) => report.started_at).sort()[0],
      measurements: told,
    }),
  });
  if (answer.ok) {
    failures = 0;
    await forget(batch.map((report) => report.seq));
    return true;
  }
  if (answer.status === 422 || answer.status === 413) {
    // one of them cannot be read: each by itself, so that the others arrive
    if (batch.length === 1) {
      await forget([batch[0].seq]);
      return true;
    }
    for (const report of batch) {
      const sent = await send(site, token, [report], left);
      if (sent !== true) return sent;
    }
    return true;
  }
  if (answer.status === 401) return "refused";
  const asked = Number(answer.headers.get("Retry-After"));
  if (asked > 0) askedUntil = Date.now() + 1000 * asked;
  else later();
  return "waiting";
}

function later() {
  failures += 1;
  notBefore = Date.now() + 1000 * Math.min(300, 2 ** failures);
}

async function deliverSite(site, token) {
  for (;;) {
    const reports = (await waiting()).filter((report) => report.site_id === site);
    if (!reports.length) return "empty";
    if (Date.now() < Math.max(askedUntil, notBefore) || !navigator.onLine) return "waiting";
    const batch = reports.slice(0, AT_ONCE);
    try {
      const sent = await send(site, token, batch, reports.length - batch.length);
      if (sent !== true) return sent;
    } catch {
      later();
      return "waiting";
    }
  }
}

// of a site whose token was revoked, reports wait until it is joined again; the others go on
async function deliverAll(who) {
  let state = "empty";
  for (const site of new Set((await waiting()).map((report) => report.site_id))) {
    const token = site === who.site_id ? who.token : await recall(`token ${site}`);
    const ended = token ? await deliverSite(site, token) : "refused";
    if (site === who.site_id) state = ended;
  }
  return state;
}

// one tab at a time; where the browser has no locks (no https), the server's own rule is enough
export async function deliver(who, { now = false } = {}) {
  if (now) notBefore = 0; // but never before the server wants it
  if (!navigator.locks) return deliverAll(who);
  return navigator.locks.request(`${NAME}-deliver`, () => deliverAll(who));
}

// Words on sessions wait in the same way: the latest of each session and stage, sent once.

const WORDS_WAIT_MS = 47 * 3600e3; // then nobody asks any more

export const waitingWords = async () => (await recall("words")) ?? [];

const about = (a, b) => a.session_id === b.session_id && a.stage === b.stage;

// the site is the one that the phone is joined to, whose token sends it
export function addWord(word) {
  return within(["kept"], "readwrite", async (t) => {
    const kept = t.objectStore("kept");
    const site_id = (await done(kept.get("who"))).site_id;
    const others = ((await done(kept.get("words"))) ?? []).filter((one) => !about(one, word));
    await done(kept.put([...others, { ...word, site_id }], "words"));
    await done(kept.put(word, "word")); // shown as the one that was chosen
  });
}

function forgetWord(word, refused) {
  return within(["kept"], "readwrite", async (t) => {
    const kept = t.objectStore("kept");
    const words = (await done(kept.get("words"))) ?? [];
    const left = words.filter((one) => !(about(one, word) && one.said_at === word.said_at));
    await done(kept.put(left, "words"));
    const shown = await done(kept.get("word"));
    if (refused && shown?.said_at === word.said_at)
      await done(kept.put({ ...shown, refused }, "word"));
  });
}

// send(word) resolves when the server has it, or throws an error with its status
export async function deliverWords(send) {
  const work = async () => {
    const state = { waiting: 0, refused: 0 };
    const site = (await recall("who"))?.site_id;
    for (const word of await waitingWords()) {
      if (word.site_id !== site) continue; // until that site is joined again
      try {
        if (Date.now() - word.said_at < WORDS_WAIT_MS) await send(word);
        await forgetWord(word, false);
      } catch (error) {
        const final = [400, 403, 404, 409, 422].includes(error.status);
        if (final) await forgetWord(word, true);
        state[final ? "refused" : "waiting"] += 1;
      }
    }
    return state;
  };
  if (!navigator.locks) return work();
  return navigator.locks.request(`${NAME}-words`, work);
}
