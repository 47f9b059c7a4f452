// What the phone keeps: who it is, and reports that wait. Every report is delivered exactly once:
// its number is given in the transaction that stores it, the server knows (site, client, number),
// and it is deleted only after the server has said what became of it.

const NAME = "lensong";
const MOST = 1000;
const AT_ONCE = 100;

const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

let opened = null;
function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("kept");
      request.result.createObjectStore("reports", { keyPath: "seq" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function within(stores, mode, work) {
  const transaction = (await database()).transaction(stores, mode);
  const ended = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
  const result = await work(transaction);
  await ended;
  return result;
}

export const recall = (key) => within(["kept"], "readonly", (t) => done(t.objectStore("kept").get(key)));
export const keep = (key, value) => within(["kept"], "readwrite", (t) => done(t.objectStore("kept").put(value, key)));
export const waiting = () => within(["reports"], "readonly", (t) => done(t.objectStore("reports").getAll()));

export async function clientId() {
  const known = await recall("client_id");
  if (known) return known;
  const fresh = `phone-${[...crypto.getRandomValues(new Uint8Array(9))].map((b) => b.toString(16).padStart(2, "0")).join("")}`;
  await keep("client_id", fresh);
  return fresh;
}

export function add(report) {
  return within(["kept", "reports"], "readwrite", async (t) => {
    const kept = t.objectStore("kept"), reports = t.objectStore("reports");
    const seq = (await done(kept.get("next_seq"))) ?? 0;
    await done(kept.put(seq + 1, "next_seq"));
    const all = await done(reports.getAll());
    if (all.length >= MOST) {
      const least = all.find((one) => one.result !== "success") ?? all[0];
      await done(reports.delete(least.seq));
    }
    await done(reports.put({ ...report, seq }));
    return seq;
  });
}

const forget = (seqs) => within(["reports"], "readwrite", async (t) => {
  for (const seq of seqs) await done(t.objectStore("reports").delete(seq));
});

let notBefore = 0;
let failures = 0;

async function send(who, batch, left) {
  const answer = await fetch(`/api/v1/sites/${who.site_id}/measurements`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${who.token}` },
    body: JSON.stringify({
      client_id: await clientId(),
      sent_at: new Date().toISOString(),
      queue_reports: left,
      oldest_report_at: batch[0].started_at,
      measurements: batch,
    }),
  });
  if (answer.ok) {
    failures = 0;
    await forget(batch.map((report) => report.seq));
    return true;
  }
  if (answer.status === 422 || answer.status === 413) {
    // one of them cannot be read: each by itself, so that the others arrive
    if (batch.length === 1) { await forget([batch[0].seq]); return true; }
    for (const report of batch) if (!(await send(who, [report], left))) return false;
    return true;
  }
  failures += 1;
  const asked = Number(answer.headers.get("Retry-After"));
  notBefore = Date.now() + 1000 * (asked > 0 ? asked : Math.min(300, 2 ** failures));
  return answer.status === 401 ? "refused" : false;
}

async function deliverAll(who) {
  for (;;) {
    const reports = await waiting();
    if (!reports.length) return "empty";
    if (Date.now() < notBefore || !navigator.onLine) return "waiting";
    const batch = reports.slice(0, AT_ONCE);
    try {
      const sent = await send(who, batch, reports.length - batch.length);
      if (sent === "refused") return "refused";
      if (!sent) return "waiting";
    } catch {
      failures += 1;
      notBefore = Date.now() + 1000 * Math.min(300, 2 ** failures);
      return "waiting";
    }
  }
}

// one tab at a time; where the browser has no locks (no https), the server's own rule is enough
export async function deliver(who, { now = false } = {}) {
  if (now) notBefore = 0;
  if (!navigator.locks) return deliverAll(who);
  return navigator.locks.request("lensong-deliver", () => deliverAll(who));
}
