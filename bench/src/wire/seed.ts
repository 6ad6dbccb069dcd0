import type { Frame } from "atp-protocol";

/** The SYN that the protocol's first description shows, whitespace left out. */
export const seedSyn: Frame & { readonly frag_seq: 0 } = {
  v: 1,
  session_id: "s1",
  stream_id: "st1",
  msg_seq: 1,
  frag_seq: 0,
  flags: ["SYN"],
  qos: "gold",
  ttl: 8,
  window: { max_parallel: 4, max_tokens: 50_000, max_usd_micros: 1_000_000 },
  meta: { task_type: "qa", tool_permissions: [], data_scope: ["no_secrets"] },
  payload: { type: "agent.result.partial", content: { prompt: "hello" } },
};

/** Its text as it travels. */
export const seedText = JSON.stringify(seedSyn);
