// Runs the npm package @m-lab/ndt7 against a server, under Node.
//
//     node ndt7_client.cjs NODE_MODULES HOST:PORT TOKEN upload|download
//
// Prints one line of JSON: what the client counted last, and every measurement of the server. The
// package is written for browsers; what it needs of one (Worker, WebSocket) is put in place here.
"use strict";

const fs = require("fs");
const path = require("path");
const { Worker: Thread, isMainThread, parentPort, workerData } = require("worker_threads");

if (!isMainThread) {
  globalThis.WebSocket = require(path.join(workerData.modules, "ws"));
  globalThis.self = globalThis;
  globalThis.postMessage = (message) => parentPort.postMessage(message);
  (0, eval)(fs.readFileSync(workerData.file, "utf8"));
  parentPort.on("message", (data) => globalThis.onmessage({ data }));
} else {
  const [modules, server, token, test] = process.argv.slice(2);
  const folder = path.join(modules, "@m-lab", "ndt7", "src");

  globalThis.Worker = class {
    constructor(file) {
      this.thread = new Thread(__filename, {
        workerData: { modules, file: path.join(folder, file) },
      });
      this.thread.on("message", (data) => this.onmessage({ data }));
      this.thread.on("error", (error) => this.onmessage({ data: { Error: String(error) } }));
    }
    postMessage(data) {
      this.thread.postMessage(data);
    }
    terminate() {
      this.thread.terminate();
    }
  };

  const ndt7 = require(path.join(folder, "ndt7.js"));
  const config = {
    server,
    protocol: "ws",
    mlabDataPolicyInapplicable: true,
    metadata: { client_name: "lensong-tests", access_token: token },
  };
  const seen = { server: [], client: null, error: null, code: null };
  const measured = (m) => {
    if (m.Source === "server") seen.server.push(m.Data);
    else seen.client = m.Data;
  };
  const callbacks = {
    uploadMeasurement: measured,
    downloadMeasurement: measured,
    error: (error) => {
      seen.error = String(error);
    },
  };
  const urls = ndt7.discoverServerURLs(config, callbacks);
  const run = test === "upload" ? ndt7.uploadTest : ndt7.downloadTest;
  run(config, callbacks, urls).then((code) => {
    seen.code = code;
    fs.writeSync(1, JSON.stringify(seen) + "\n");
    process.exit(0);
  });
}
