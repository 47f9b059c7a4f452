// Shows what the service tells while no page is open, and opens its page.

self.addEventListener("push", (event) => {
  const { title, text, url, tag } = event.data.json();
  event.waitUntil(
    self.registration.showNotification(title, { body: text, tag: `lensong-${tag}`, data: { url } }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.url));
});
