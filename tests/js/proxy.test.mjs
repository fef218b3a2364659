import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import test from "node:test";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PROXY = `${ROOT}node_modules/configurable-http-proxy/bin/configurable-http-proxy`;
const EXTENSION = `${ROOT}deploy/proxy/lost-servers.cjs`;

async function serve(handle) {
  const server = createServer(handle).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: server.address().port };
}

async function findPort() {
  const { server, port } = await serve();
  server.close();
  return port;
}

/** Run the proxy in front of a server until the test ends, and return its URL. */
async function startProxy(context, handle) {
  const { server, port: behind } = await serve(handle);
  const port = await findPort();
  const listening = ["--ip=127.0.0.1", `--port=${port}`, "--api-ip=127.0.0.1", `--api-port=${await findPort()}`];
  const options = [...listening, `--default-target=http://127.0.0.1:${behind}`, "--log-level=error"];
  const proxy = spawn(process.execPath, ["--require", EXTENSION, PROXY, ...options], { stdio: "ignore" });
  context.after(() => {
    proxy.kill();
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${port}`;
  while (!(await fetch(`${url}/_chp_healthz`).catch(() => null))) await pause(50);
  return url;
}

test("an answer whose server dies is broken off", { timeout: 20_000 }, async (context) => {
  const url = await startProxy(context, (_, response) => {
    response.write("data: first\n\n");
    setTimeout(() => response.destroy(), 100);
  });
  const { body } = await fetch(url);
  const received = [];
  await assert.rejects(async () => {
    for await (const piece of body) received.push(Buffer.from(piece).toString());
  });
  assert.deepEqual(received, ["data: first\n\n"]);
});

test("an answer that ends arrives whole, also one that comes in pieces", { timeout: 20_000 }, async (context) => {
  const url = await startProxy(context, async (_, response) => {
    for (const piece of ["one ", "two ", "three"]) {
      response.write(piece);
      await pause(50);
    }
    response.end();
  });
  assert.equal(await (await fetch(url)).text(), "one two three");
});
