import type { Evidence } from "./evidence.js";

/** @throws Error with the problem when the condition does not hold */
export function must(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new Error(problem);
}

/** What the client of the question was sent. */
export function sent(e: Evidence): string {
  must(e.qa.partials.length > 0 && e.qa.ended === "agent.result.final", "there was no PARTIAL or no FINAL");
  return `${e.qa.partials.length} PARTIALs, then FINAL`;
}

/** A call of the question to an adapter, as the collector saw it. */
export function call(e: Evidence, operation: "estimate" | "chat", adapter: string): string {
  const found = e.qa.spans.find(
    ({ name, attributes }) => name.startsWith(`${operation} `) && attributes["atp.adapter"] === adapter,
  );
  must(found !== undefined, `no span of ${operation} by ${adapter} among ${JSON.stringify(e.qa.spans)}`);
  return `span "${found.name}" of adapter ${adapter}`;
}

/** A span of the question by its name. */
export function span(e: Evidence, name: string): string {
  const found = e.qa.spans.filter((one) => one.name === name);
  must(found.length > 0, `no span "${name}" among ${e.qa.spans.map((one) => one.name).join(", ")}`);
  return `span "${name}"${found.length > 1 ? ` x ${found.length}` : ""}`;
}

/** The partials of the question that an adapter is named in. */
export function chunksOf(e: Evidence, adapter: string): string {
  const chunks = e.qa.partials.filter((one) => one.adapter === adapter);
  must(chunks.length > 0, `no PARTIAL names ${adapter}`);
  return `${chunks.length} PARTIALs name it`;
}
