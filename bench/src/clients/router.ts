/** A router in a process of its own with a chosen gRPC client: bench-router <client> <adapter URL>. */
import { type AdapterPort, type Clock, createRouter, systemClock } from "atp-router-core";
import { grpcAdapter, listen } from "atp-router-core/node";
import { celPolicy } from "atp-router-core/policy";
import { serveControl, tellReady } from "../harness/control.js";
import { estimateTimeoutMs } from "../router/product.js";
import { connectPort } from "./connect-port.js";
import { grpcjsPort } from "./grpcjs-port.js";
import { type ClientName, clientNames } from "./names.js";

const ports: Readonly<Record<ClientName, (url: string, clock: Clock) => AdapterPort>> = {
  own: (url, clock) => grpcAdapter({ url, clock }),
  "grpc-js": grpcjsPort,
  "connect-node": connectPort,
};

const [name, url] = process.argv.slice(2);
const chosen = clientNames.find((one) => one === name);
if (chosen === undefined || url === undefined) throw new Error(`usage: bench-router <${clientNames.join("|")}> <url>`);

const clock = systemClock();
const router = createRouter({
  adapters: [ports[chosen](url, clock)],
  clock,
  policy: celPolicy(),
  limits: { estimateTimeoutMs },
});
const listener = await listen(router, { port: 0 });
serveControl();
tellReady(listener.port);
