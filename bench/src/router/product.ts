import { writeFileSync } from "node:fs";
import { type Running, startProgram } from "../harness/children.js";
import { promptFor } from "./answer.js";

/** How the product is started for a measurement. */
export interface ProductOptions {
  readonly adapterPort: number;
  readonly logFile: string;
  readonly nodeOptions?: readonly string[];
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Further keys of its configuration. */
  readonly config?: object;
}

/**
 * How long an Estimate may take here. On a machine that is busy with other work the first burst of 64 can take longer than
 * the default of 2 s, and the run would end there.
 */
export const estimateTimeoutMs = 20_000;

/**
 * The reference router as anybody runs it: its own process, logs at info into a file, default configuration but for
 * {@link estimateTimeoutMs}.
 */
export async function startProduct(options: ProductOptions): Promise<Running> {
  const configFile = `${options.logFile}.config.json`;
  writeFileSync(configFile, JSON.stringify({ limits: { estimate_timeout_ms: estimateTimeoutMs }, ...options.config }));
  return startProgram("examples/router/dist/main.js", {
    env: {
      HOST: "127.0.0.1",
      PORT: "0",
      ADAPTER_ENDPOINTS: JSON.stringify([`http://127.0.0.1:${options.adapterPort}`]),
      LOG_LEVEL: "info",
      ATP_CONFIG: configFile,
      ...options.env,
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
