/** Pushes and pops in a process of their own: bench-lanes-queue. Where a simulation ran before them, its tickets have taught the compiler other shapes. */
import { serveControl, tellReady } from "../harness/control.js";
import { queueCosts } from "./queue-cost.js";

serveControl({ costs: queueCosts });
tellReady();
