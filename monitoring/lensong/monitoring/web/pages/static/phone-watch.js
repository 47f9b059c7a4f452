// The light watch: docs/reference/watch.md. A small message a second; the server counts the gaps.
// What this page was hidden or asleep it says itself: that is not watched.

const EVERY_MS = 1000;
const LATE_MS = 1000;
const SILENT_MS = 8000;
const LONGEST_PAUSE_MS = 15000;
const ABANDONED = 4000; // any other code would end the watch
const FOR_LATER = ["unavailable", "too_many_watches", "too_many_strangers", "stopping"];

const places = JSON.parse(document.getElementById("places").textContent);
const { senseMotion } = await import(places.motion);

const address = () =>
  `${location.origin.replace("http", "ws")}${document.documentElement.dataset.root ?? ""}/uplink/v1/watch`;

// calls tell(news) once a second and over(outcome) once; stop() ends it
export function watchNetwork({ token, site, clientId, operator, motion, tell, over }) {
  let socket = null,
    watch = null,
    seq = 0,
    sent = new Map(),
    rtt = null,
    heardAt = performance.now(),
    untold = 0,
    slept = 0,
    pause = 1000,
    ended = false,
    retry = 0,
    before = { at: Date.now(), mono: performance.now() };
  const began = Date.now();

  // a clock that stands still in sleep does not tell: the larger step counts
  const notice = () => {
    const now = { at: Date.now(), mono: performance.now() };
    const passed = Math.max(now.at - before.at, now.mono - before.mono);
    if (passed > EVERY_MS + LATE_MS) {
      untold += passed - EVERY_MS;
      slept += passed - EVERY_MS;
    }
    before = now;
  };
  const open = () => socket?.readyState === WebSocket.OPEN && watch !== null;
  const say = (message) => socket.send(JSON.stringify(message));

  const connect = () => {
    clearTimeout(retry);
    if (ended || document.hidden) return;
    const mine = new WebSocket(address(), "lensong.watch.v1");
    let ready = false;
    mine.binaryType = "arraybuffer";
    socket = mine;
    heardAt = performance.now();
    mine.onopen = () => {
      notice();
      const hello = { type: "hello", token, site, method: "page", client_id: clientId, motion };
      if (operator) hello.operator = operator;
      if (watch) hello.watch = watch;
      say({ ...hello, unwatched_s: untold / 1000 });
    };
    mine.onmessage = ({ data }) => {
      if (mine !== socket) return;
      heardAt = performance.now();
      if (typeof data !== "string") {
        const number = new DataView(data).getUint16(0);
        if (sent.has(number)) rtt = performance.now() - sent.get(number);
        sent.delete(number);
        return;
      }
      const message = JSON.parse(data);
      if (message.type === "watching") {
        watch = message.watch;
        ready = true;
        untold = 0;
        pause = 1000;
      } else if (message.type === "summary") finish({ summary: message });
      else if (message.type === "error" && !FOR_LATER.includes(message.code))
        finish({ error: message });
    };
    mine.onclose = () => {
      if (mine !== socket || ended) return;
      socket = null;
      pause = ready ? 1000 : Math.min(LONGEST_PAUSE_MS, pause * 2);
      retry = setTimeout(connect, pause);
    };
  };

  const finish = (outcome) => {
    if (ended) return;
    ended = true;
    clearInterval(timer);
    clearTimeout(retry);
    document.removeEventListener("visibilitychange", seen);
    sensed.stop();
    if (socket && socket.readyState <= 1) socket.close(1000);
    over(outcome);
  };

  const tick = () => {
    notice();
    if (document.hidden) return;
    seq = (seq + 1) % 65536; // due, whether there is a connection or not
    const silent = performance.now() - heardAt;
    if (open()) {
      if (untold > 0) say({ type: "unwatched", seconds: untold / 1000 });
      untold = 0;
      const message = new DataView(new ArrayBuffer(4));
      message.setUint16(0, seq);
      message.setUint16(2, rtt === null ? 65535 : Math.min(65534, Math.round(rtt)));
      sent.set(seq, performance.now());
      if (sent.size > 60) sent.delete(sent.keys().next().value);
      socket.send(message);
    }
    if (socket && silent > SILENT_MS) {
      const old = socket;
      socket = null;
      old.close(ABANDONED);
      connect();
    }
    tell({
      elapsed_s: (Date.now() - began) / 1000,
      slept_s: slept / 1000,
      gone_s: silent / 1000,
      rtt,
      moving: motion === "moving",
    });
  };

  const seen = () => {
    if (document.hidden) {
      if (open()) say({ type: "pause" });
      return;
    }
    notice();
    if (!socket) connect();
  };

  // what has moved once in a watch does not speak for a phone at rest
  const sensed = senseMotion({
    place: true,
    moves: () => {
      motion = "moving";
      if (open()) say({ type: "about", motion });
    },
  });

  const timer = setInterval(tick, EVERY_MS);
  document.addEventListener("visibilitychange", seen);
  connect();
  return {
    stop() {
      if (open()) say({ type: "end" });
      setTimeout(() => finish({ summary: null }), open() ? 5000 : 0);
    },
  };
}
