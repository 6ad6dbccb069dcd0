import { type Running, startProgram } from "../harness/children.js";
import { promptFor } from "./answer.js";

/** How the product is started for a measurement. */
export interface ProductOptions {
  readonly adapterPort: number;
  readonly logFile: string;
  readonly nodeOptions?: readonly string[];
}

/** The reference router as anybody runs it: its own process, default configuration, logs at info into a file. */
export async function startProduct(options: ProductOptions): Promise<Running> {
  return startProgram("examples/router/dist/main.js", {
    env: {
      HOST: "127.0.0.1",
      PORT: "0",
      ADAPTER_ENDPOINTS: JSON.stringify([`http://127.0.0.1:${options.adapterPort}`]),
      LOG_LEVEL: "info",
    },
    logFile: options.logFile,
    ...(options.nodeOptions === undefined ? {} : { nodeOptions: options.nodeOptions }),
  });
}

/**
 * Makes sure that what the figures are about is on: the adapter is known, policy is the embedded one, metrics are served.
 * @throws Error that names what is off
 */
export async function checkProduct(port: number): Promise<void> {
  const base = `http://127.0.0.1:${port}`;
  const metrics = await fetch(`${base}/metrics`);
  const text = await metrics.text();
  if (!metrics.ok || !text.includes("# TYPE "))
    throw new Error(`the router serves no metrics: ${metrics.status} ${text.slice(0, 200)}`);
  const explained = await fetch(`${base}/v1/explain`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      qos: "silver",
      meta: { task_type: "bench", tool_permissions: ["fs.read"] },
      payload: { type: "agent.request", content: { prompt: promptFor({ chunks: 1, delayMs: 0 }) } },
    }),
  });
  const plan = await explained.text();
  if (!explained.ok)
    throw new Error(`the router cannot explain a bench question: ${explained.status} ${plan.slice(0, 400)}`);
  if (!plan.includes('"cel"')) throw new Error(`policy is not the embedded CEL one: ${plan.slice(0, 400)}`);
}
