import { createClient } from "atp-client";
import type { ClientSocket, Frame, RunEvent } from "atp-client";

const base = { v: 1, session_id: "demo", stream_id: "st1" } as const;
const adapters = ["librarian-shallow", "librarian-deep", "persona"] as const;

/** The plan of a fan-out over three adapters, one more having failed its estimate. */
export const planFrame: Frame = {
  ...base,
  msg_seq: 1,
  flags: ["CTRL"],
  payload: {
    type: "control.plan",
    content: {
      policy: { allow: true, reasons: ["fs.read is allowed"], engine: "cel" },
      qos: "gold",
      window: { max_parallel: 4, max_tokens: 20_000, max_usd_micros: 50_000 },
      candidates: [
        {
          adapter: "librarian-shallow",
          status: "READY",
          estimate: { in_tokens: 6, out_tokens: 70, usd_micros: 15, confidence: 0.61 },
        },
        {
          adapter: "librarian-deep",
          status: "READY",
          estimate: { in_tokens: 6, out_tokens: 310, usd_micros: 1_246, confidence: 0.87 },
        },
        {
          adapter: "persona",
          status: "READY",
          estimate: { in_tokens: 48, out_tokens: 290, usd_micros: 1_208, confidence: 0.8 },
        },
        { adapter: "llama", status: "DOWN", failure: { kind: "unavailable", message: "no connection to 127.0.0.1:9" } },
      ],
      strategy: "fanout",
      rungs: [
        adapters.map((adapter) => ({
          adapter,
          sample: 0,
          hold: { tokens: 400, usd_micros: 1_300 },
          max_output_tokens: 352,
        })),
      ],
      stop: { eager: false },
      expected: { tokens: 730, usd_micros: 2_469 },
      worst: { tokens: 1_200, usd_micros: 3_900 },
      why: ["fanout asks every adapter that fits at once and weighs all answers"],
      excluded: [{ adapter: "llama", reason: "estimate", message: "gave no estimate" }],
    },
  },
};

const texts = {
  "librarian-shallow": ["A hold is granted ", "before a call starts. ", "[docs/a.md:2]"],
  "librarian-deep": [
    "A hold is granted before a call starts. [docs/a.md:2]",
    "\n\nIt is settled at the end. ",
    "[docs/a.md:4]",
  ],
  persona: ["An operator sees every hold. ", "[docs/b.md:1]"],
};

let seq = 1;
const partials: Frame[] = [0, 1, 2].flatMap((chunk) =>
  adapters.flatMap((adapter): Frame[] => {
    const text = texts[adapter][chunk];
    if (text === undefined) return [];
    seq++;
    return [
      {
        ...base,
        msg_seq: seq,
        flags: ["MORE"],
        payload: { type: "agent.result.partial", content: { adapter, chunk, attempt: 0, text }, confidence: 0.7 },
      },
    ];
  }),
);

/** FIN with a consensus, a dissent, and a bill that adds up. */
export const finFrame: Frame = {
  ...base,
  msg_seq: seq + 1,
  flags: ["FIN"],
  payload: {
    type: "agent.result.final",
    content: {
      ok: true,
      answer: texts["librarian-deep"].join(""),
      adapter: "librarian-deep",
      consensus: {
        strategy: "fanout",
        agreement: 0.72,
        support: ["librarian-deep", "librarian-shallow"],
        dissent: [{ adapters: ["persona"], answer: texts.persona.join(""), weight: 0.28 }],
        evidence: [
          {
            source: "docs/a.md",
            locator: "docs/a.md:2",
            quote: "A hold is granted before a call starts.",
            adapter: "librarian-deep",
          },
          { source: "docs/a.md", locator: "docs/a.md:4", quote: "It is settled", adapter: "librarian-deep" },
          { source: "docs/b.md", locator: "docs/b.md:1", quote: "An operator sees every hold.", adapter: "persona" },
        ],
        revised: false,
        stopped_by: "all_answered",
        weights: { "librarian-shallow": 0.2, "librarian-deep": 0.52, persona: 0.28 },
      },
    },
    confidence: 0.87,
  },
  telemetry: {
    tokens: 735,
    usd: 2_474,
    latency_ms: 1_042,
    in_tokens: 60,
    out_tokens: 675,
    ttfp_ms: 38,
    queue_ms: 1,
    estimate: { tokens: 730, usd: 2_469 },
    strategy: "fanout",
    escalations: 0,
    agreement: 0.72,
    adapters: [
      {
        name: "librarian-shallow",
        outcome: "ok",
        attempt: 0,
        in_tokens: 6,
        out_tokens: 71,
        usd: 15,
        ttfp_ms: 12,
        latency_ms: 20,
        confidence: 0.61,
      },
      {
        name: "librarian-deep",
        outcome: "ok",
        attempt: 0,
        in_tokens: 6,
        out_tokens: 312,
        usd: 1_251,
        ttfp_ms: 14,
        latency_ms: 31,
        confidence: 0.87,
      },
      {
        name: "persona",
        outcome: "ok",
        attempt: 0,
        in_tokens: 48,
        out_tokens: 292,
        usd: 1_208,
        ttfp_ms: 29,
        latency_ms: 1_030,
        confidence: 0.8,
      },
      {
        name: "llama",
        outcome: "skipped",
        attempt: 0,
        in_tokens: 0,
        out_tokens: 0,
        usd: 0,
        error: { code: "unavailable", message: "no connection" },
      },
    ],
    window_left: { max_parallel: 4, max_tokens: 19_265, max_usd_micros: 47_526 },
  },
};

/** A whole run as a router sends it. */
export const runFrames: readonly Frame[] = [
  {
    ...base,
    msg_seq: 1,
    flags: ["SYN", "ACK"],
    payload: { type: "control.accept", content: { qos: "gold", window: { max_tokens: 20_000 }, ack: 1 } },
  },
  planFrame,
  ...partials,
  finFrame,
];

/** What the client makes of frames: a router in memory sends them on the first SYN. */
export async function eventsOf(frames: readonly Frame[]): Promise<RunEvent[]> {
  const socket: ClientSocket = {
    protocol: "atp.v1+json",
    bufferedAmount: 0,
    binaryType: "",
    onopen: null,
    onmessage: null,
    onerror: null,
    onclose: null,
    send: (data) => {
      if (!(JSON.parse(String(data)) as Frame).flags.includes("SYN")) return;
      queueMicrotask(() => {
        for (const frame of frames) socket.onmessage?.({ data: JSON.stringify(frame) });
      });
    },
    close: () => undefined,
  };
  await using client = createClient({
    url: "ws://router.test/ws",
    sessionId: "demo",
    socket: () => {
      queueMicrotask(() => socket.onopen?.());
      return socket;
    },
  });
  const events: RunEvent[] = [];
  for await (const event of client.stream("q")) events.push(event);
  return events;
}
