import { randomBytes } from "node:crypto";
import { needsSeal, nonceOf, sealFault, sealFrameSync } from "../../../src/integrity/index.js";
import type { Frame } from "../../../src/index.js";
import { frameOf, helloFrame, type Seen } from "../frames.js";
import { asText, check, Failure, type Result, Skip } from "../result.js";
import { takes, type Choice } from "../run-testee.js";
import { LiveLine } from "./live-line.js";
import { digest, signed } from "./signing.js";

/** Checks of a router that signs, with the rules that they prove. */
export const integrityChecks: readonly {
  readonly id: string;
  readonly profile: string;
  readonly rules: readonly string[];
}[] = [
  { id: "sealed", profile: "auth", rules: ["A10-2", "A10-5", "A10-6"] },
  { id: "refused", profile: "auth", rules: ["A10-4", "A10-5", "A10-8"] },
  { id: "resumed", profile: "auth", rules: ["A10-9"] },
];

/** Options of {@link runIntegrity}. */
export interface IntegrityRun {
  readonly url: string;
  readonly token: string | undefined;
  /** The principal's key. Absent: the router is taken as one that does not sign. */
  readonly key: Uint8Array | undefined;
}

const CAPABILITIES = ["resume", "integrity"];

/** Puts the checks of A10 to a running router. One that announces `integrity` and signs for nobody the suite knows fails. */
export async function runIntegrity(run: IntegrityRun, choice: Choice): Promise<Result[]> {
  const results: Result[] = [];
  for (const about of integrityChecks) {
    const id = `integrity:${about.id}`;
    if (!takes(choice, about.profile, id)) continue;
    results.push(
      await check({ ...about, id }, async () => {
        const line = new LiveLine(run.url, run.token);
        try {
          await runs[about.id]?.(await greeted(run, line, 1));
        } finally {
          await line.close();
        }
      }),
    );
  }
  return results;
}

/** A signed session on one socket. */
interface Signed {
  readonly run: IntegrityRun;
  readonly key: Uint8Array;
  readonly line: LiveLine;
  readonly welcome: Seen;
  /** The next frame beside those that may come at any time, its seal checked. */
  readonly next: (socket?: number) => Promise<Seen>;
  readonly send: (frame: object, socket?: number) => Promise<void>;
}

async function greeted(run: IntegrityRun, line: LiveLine, socket: number, resume?: object): Promise<Signed> {
  const { key } = run;
  const next = async (on = socket): Promise<Seen> => {
    for (;;) {
      const output = await line.next(on);
      if (output === null) throw new Failure("nothing came");
      if (!("frame" in output)) throw new Failure(`closed: ${JSON.stringify(output)}`);
      const frame = JSON.parse(String(output["frame"])) as Seen & Frame;
      const isStranger = frame.stream_id === "0" && frame.payload?.type === "error" && frame.sig === undefined;
      if (key !== undefined && !isStranger && needsSeal(frame)) {
        const fault = sealFault(frame, { digest, key });
        if (fault !== null || frame.nonce === undefined)
          throw new Failure(`${asText(fault ?? "nonce missing")}: ${JSON.stringify(frame).slice(0, 200)}`, "A10-6");
      }
      if (frame.flags.includes("HB") || frame.payload?.type === "control.plan") continue;
      return frame;
    }
  };
  const send = (frame: object, on = socket): Promise<void> => line.send(on, JSON.stringify(frame));
  await line.connect(socket, {});
  const hello = helloFrame(CAPABILITIES, run.token) as unknown as Frame;
  const content = { ...(hello.payload?.content as object), ...(resume === undefined ? {} : { resume }) };
  const whole = { ...hello, payload: { type: "control.hello", content } };
  await send(key === undefined ? whole : signed(whole, key));
  const welcome = await next();
  const announced = (welcome.payload?.content?.["capabilities"] ?? []) as readonly string[];
  const asksKey = welcome.payload?.content?.["code"] === "ESEC";
  if (key === undefined) {
    if (announced.includes("integrity") || asksKey)
      throw new Failure("the router announces integrity: give the suite a key that it knows, by --key", "A10-5");
    throw new Skip("the router does not announce integrity");
  }
  if (!announced.includes("integrity"))
    throw new Failure(`a signed HELLO was answered by ${JSON.stringify(welcome.payload).slice(0, 200)}`, "A10-5");
  return { run, key, line, welcome, next, send };
}

/** A SYN that a router refuses at once, without any adapter. */
const syn = (stream: string, ttl = 0): object => frameOf({ like: "syn", stream_id: stream, ttl });

/** The code of the error that ends a stream. */
async function endOf({ next }: Signed, stream: string): Promise<unknown> {
  for (;;) {
    const frame = await next();
    if (frame.stream_id === stream && frame.flags.includes("RST")) return frame.payload?.content?.["code"];
  }
}

const runs: Readonly<Record<string, (session: Signed) => Promise<void>>> = {
  async sealed(session) {
    await session.send(signed(syn("q1"), session.key));
    const code = await endOf(session, "q1");
    if (code !== "ETTL") throw new Failure(`a signed SYN was answered by ${asText(code)}`, "A10-5");
  },
  async refused(session) {
    const { key } = session;
    const used = nonceOf(Date.now(), randomBytes(16));
    await session.send(signed(syn("first"), key, used));
    await endOf(session, "first");
    const bad: Readonly<Record<string, object>> = {
      unsigned: syn("unsigned"),
      changed: { ...signed(syn("changed"), key), ttl: 7 },
      foreign: signed(syn("foreign"), new Uint8Array(32)),
      unnamed: sealFrameSync(syn("unnamed") as Frame, { digest, key }),
      late: signed(syn("late"), key, nonceOf(Date.now() - 301_000, randomBytes(16))),
      again: signed(syn("again"), key, used),
    };
    for (const [stream, frame] of Object.entries(bad)) {
      await session.send(frame);
      const code = await endOf(session, stream);
      if (code !== "ESEC") throw new Failure(`the SYN "${stream}" was answered by ${asText(code)}`, "A10-8");
    }
    await session.send(signed(syn("last"), key));
    const code = await endOf(session, "last");
    if (code !== "ETTL") throw new Failure(`after refusals a good SYN was answered by ${asText(code)}`, "A10-8");
  },
  async resumed(session) {
    const { key, line, run, next, send } = session;
    const question = signed(syn("q1", 8), key);
    await send(question);
    for (let frame = await next(); frame.stream_id !== "q1" || frame.flags.includes("ACK"); ) frame = await next();
    const token = session.welcome.payload?.content?.["resume_token"];
    const resume = { resume_token: token, streams: [{ stream_id: "q1", last_seq: 1 }] };
    const second = await greeted(run, line, 2, resume);
    // What the router has is sent once more, with the nonce that it saw, and a frame that it must answer behind it.
    const input = frameOf({
      stream_id: "q1",
      msg_seq: 1,
      flags: [],
      payload: { type: "agent.input", content: {} },
    });
    await second.send(signed(input, key, question.nonce));
    await second.send(signed(syn("q2"), key));
    for (;;) {
      const frame = await second.next();
      if (frame.payload?.content?.["code"] === "ESEC")
        throw new Failure("a number that the router has was taken for an attack", "A10-9");
      if (frame.stream_id === "q2" && frame.flags.includes("RST")) return;
    }
  },
};
