import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Processes } from "../../../demo/src/processes.js";
import { createPageServer } from "./page-server.js";
import { startStack } from "./stack.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const page = fileURLToPath(new URL("./page", import.meta.url));

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    router: { type: "string" },
    adapters: { type: "string" },
    pace: { type: "string", default: "12" },
  },
});

const processes = new Processes(root);
processes.onDeath = (name, why) => process.stderr.write(`${name} ${why}\n`);
let stopping = false;

/** Ends everything that was started. A second signal ends this process at once. */
async function stop(code: number): Promise<void> {
  if (stopping) process.exit(code);
  stopping = true;
  await processes.stop();
  process.exit(code);
}

process.on("SIGINT", () => void stop(130));
process.on("SIGTERM", () => void stop(143));
process.on("SIGHUP", () => void stop(129));

try {
  const perSecond = Number(values.pace);
  if (!(perSecond > 0)) throw new Error("--pace is a number of pieces in a second");
  const stack = await startStack(processes, root, {
    ...(values.router === undefined ? {} : { routerUrl: values.router }),
    ...(values.adapters === undefined ? {} : { adapters: values.adapters.split(",") }),
    pace: { perSecond, chars: 18 },
  });
  const server = createPageServer({ page, root, routerUrl: stack.routerUrl });
  server.listen(Number(values.port), "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`the page is at http://127.0.0.1:${port}/ and the router at ${stack.routerUrl}\n`);
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  await stop(1);
}
