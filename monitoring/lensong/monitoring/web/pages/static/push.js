// Asks for leave to tell this browser of trouble, and gives its keys to the service.

const box = document.querySelector("#push");
const told = box.querySelector("[role=status]");
const button = box.querySelector("button[data-key]");
const PATIENCE_MS = 20_000;
const { root } = document.documentElement.dataset;

const say = (name) => {
  told.textContent = box.dataset[name];
};

const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));

const same = (buffer, key) => buffer !== null && String(new Uint8Array(buffer)) === String(key);

// subscribing wants a worker that is active
function active(registration) {
  const worker = registration.active ?? registration.waiting ?? registration.installing;
  return new Promise((resolve, reject) => {
    const look = () => {
      if (worker.state === "activated") resolve();
      else if (worker.state === "redundant") reject(new Error(worker.state));
    };
    worker.addEventListener("statechange", look);
    look();
  });
}

// where its push service cannot be reached, a browser may try for ever
const inTime = (work) =>
  Promise.race([
    work,
    new Promise((_, reject) => {
      setTimeout(() => reject(new DOMException("", "TimeoutError")), PATIENCE_MS);
    }),
  ]);

async function allow() {
  say("asking");
  if ((await Notification.requestPermission()) !== "granted") return say("denied");
  const registration = await navigator.serviceWorker.register(button.dataset.worker);
  await active(registration);
  const key = bytes(button.dataset.key);
  let subscription = await registration.pushManager.getSubscription();
  if (subscription && !same(subscription.options.applicationServerKey, key)) {
    await subscription.unsubscribe();
    subscription = null;
  }
  subscription ??= await inTime(
    registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }),
  );
  const { endpoint, keys } = subscription.toJSON();
  const answer = await fetch(`${root}/api/v1/my-browsers`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-CSRF-Token": document.querySelector('meta[name="csrf"]')?.content ?? "",
      "Accept-Language": document.documentElement.lang,
    },
    body: JSON.stringify({ endpoint, ...keys, language: document.documentElement.lang }),
  });
  if (!answer.ok) {
    const { title, detail } = await answer.json();
    told.textContent = document.documentElement.lang === "en" ? (detail ?? title) : title;
    return undefined;
  }
  return location.reload();
}

if (!window.isSecureContext) say("insecure");
else if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window))
  say("unable");
else {
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await allow();
    } catch (error) {
      told.textContent = `${box.dataset.failed} (${error.name})`;
    } finally {
      button.disabled = false;
    }
  });
}
