// The uplink test: docs/reference/uplink-test.md. The server counts; this only fills the link and
// answers pings.

const PROTOCOL = "lensong.uplink.v1";
const HELD_BYTES = 262144;
const LEAVING = 1000;
const PATIENCE_MS = 20000; // the server speaks every 5 s at least; a dead network closes nothing

function socket(path) {
  const ws = new WebSocket(
    `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${document.documentElement.dataset.root ?? ""}${path}`,
    PROTOCOL,
  );
  ws.binaryType = "arraybuffer";
  return ws;
}

function randomBlock(bytes) {
  const block = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65536)
    crypto.getRandomValues(block.subarray(at, Math.min(at + 65536, bytes)));
  return block;
}

const ENOUGH = '{"type":"enough"}';

// whether every second that counts was above what the server calls enough: then the rest of the
// test would spend data on what is known already
export function knowsEnough(enough, seen) {
  if (!enough || seen.at(-1).elapsed_s < enough.seconds) return false;
  const counted = seen.filter((one) => one.elapsed_s >= 3);
  return (
    counted.length > 1 &&
    counted.slice(1).every((one, n) => {
      const before = counted[n];
      return 8 * (one.bytes - before.bytes) >= enough.rate_bps * (one.elapsed_s - before.elapsed_s);
    })
  );
}

// resolves to {result} or {error}; calls tell(phase, values) on the way; stop() ends it early
export function uplinkTest({
  token,
  site,
  seconds,
  profile,
  clientId,
  tell,
  patience_ms = PATIENCE_MS,
}) {
  let stop = () => {};
  const outcome = new Promise((resolve) => {
    const main = socket("/uplink/v1/test");
    let probe = null,
      terms = null,
      sending = false,
      ended = false,
      timer = 0,
      silence = 0,
      testId = null;
    const seen = [];

    const finish = (value) => {
      if (ended) return;
      ended = true;
      sending = false;
      clearTimeout(timer);
      clearTimeout(silence);
      if (probe && probe.readyState <= 1) probe.close(LEAVING);
      if (main.readyState <= 1) main.close(LEAVING);
      resolve({ testId, ...value });
    };
    stop = (code) => finish({ error: { kind: "aborted", code } });
    const lost = () => finish({ error: { kind: "failure", code: "connection_lost" } });
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(lost, patience_ms);
    };
    heard();

    const openProbe = (key) => {
      probe = socket("/uplink/v1/probe");
      probe.onopen = () => probe.send(JSON.stringify({ type: "hello", probe_key: key }));
      probe.onmessage = (event) => {
        if (typeof event.data !== "string") probe.send(event.data);
      };
    };

    const upload = () => {
      const block = randomBlock(1 << 20);
      const size = terms.message_bytes;
      const began = performance.now();
      let sent = 0,
        at = 0;
      sending = true;
      const fill = () => {
        if (!sending) return;
        const allowed = ((performance.now() - began) / 1000 + 0.25) * (terms.max_rate_bps / 8);
        while (
          main.bufferedAmount < HELD_BYTES &&
          sent < allowed &&
          sent + size <= terms.max_bytes
        ) {
          if (at + size > block.length) at = 0;
          main.send(block.subarray(at, at + size));
          at += size;
          sent += size;
        }
        timer = setTimeout(fill, 4);
      };
      fill();
    };

    main.onopen = () => {
      tell("waiting", {});
      main.send(
        JSON.stringify({
          type: "hello",
          token,
          site,
          seconds,
          ...(profile ? { profile } : {}),
          method: "page",
          client_id: clientId,
          sent_at: new Date().toISOString(),
        }),
      );
    };
    main.onmessage = (event) => {
      if (ended) return;
      heard();
      const message = JSON.parse(event.data);
      if (message.type === "queued") tell("queued", message);
      else if (message.type === "admitted") {
        terms = message;
        testId = message.test_id;
        tell("idle", message);
        openProbe(message.probe_key);
      } else if (message.type === "go") {
        tell("running", { seconds });
        upload();
      } else if (message.type === "measurement") {
        const { ElapsedTime, NumBytes } = message.AppInfo;
        seen.push({ elapsed_s: ElapsedTime / 1e6, bytes: NumBytes });
        tell("measured", { ...seen.at(-1), seconds });
        if (sending && knowsEnough(terms.enough, seen)) {
          sending = false;
          main.send(ENOUGH);
        }
      } else if (message.type === "stop") {
        sending = false;
        tell("counting", {});
      } else if (message.type === "result") finish({ result: message });
      else if (message.type === "error") finish({ error: message });
    };
    main.onclose = lost;
  });
  return { outcome, stop: (code) => stop(code) };
}
