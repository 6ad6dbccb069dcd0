import type { Seen } from "./frames.js";
import { Failure } from "./result.js";

const fail = (rule: string, message: string): never => {
  throw new Failure(message, rule);
};

/** What a router's messages say (A4). */
export function checkContent(frame: Seen): void {
  const { type, content = {} } = frame.payload ?? {};
  if (
    type === "agent.result.partial" &&
    (typeof content["adapter"] !== "string" || !Number.isSafeInteger(content["chunk"]))
  )
    fail("A4.2-1", "a partial does not name its adapter and chunk");
  if (type === "agent.result.final" && (typeof content["ok"] !== "boolean" || typeof content["answer"] !== "string"))
    fail("A4.3-1", "a final without ok or answer");
  if (frame.flags.includes("FIN") && type !== "agent.result.final") fail("A4-3", `FIN carries ${String(type)}`);
}

/** The bill of an end (A11). */
export function checkBill(frame: Seen): void {
  const bill = frame.telemetry;
  if (bill === undefined) return fail("A11-1", "an end without telemetry");
  for (const name of ["tokens", "usd", "latency_ms"])
    if (!Number.isSafeInteger(bill[name]) || (bill[name] as number) < 0)
      fail("A3.1-1", `telemetry.${name} is no amount`);
  const entries = bill["adapters"];
  if (!Array.isArray(entries)) return;
  const sum = (name: string): number =>
    entries.reduce(
      (total: number, entry) => total + Number((entry as Readonly<Record<string, unknown>>)[name] ?? 0),
      0,
    );
  if (sum("usd") !== bill["usd"]) fail("A11-3", "usd is not the sum of the entries");
  if (sum("in_tokens") + sum("out_tokens") !== bill["tokens"]) fail("A11-3", "tokens is not the sum of the entries");
}
