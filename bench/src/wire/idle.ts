/** The product's router with nothing to do, for the memory of its sessions: bench-wire-idle, started with --expose-gc. */
import { createRouter } from "atp-router-core";
import { listen } from "atp-router-core/node";
import { serveControl, tellReady } from "../harness/control.js";
import { heapBytes } from "./memory.js";

const listener = await listen(createRouter({ adapters: [] }), { port: 0 });
serveControl({ mem: () => ({ heapUsed: heapBytes() }) });
tellReady(listener.port);
