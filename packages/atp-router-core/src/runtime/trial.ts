import type { Limits, Principal } from "../model/index.js";
import type { StreamEnd, StreamKey } from "../stream/index.js";
import type { StreamHost } from "./host.js";
import type { Opened } from "./session-tools.js";

/** What a trial is opened with. */
export interface TrialTools {
  readonly challenger: string;
  /** The tenant that pays for it: never the client's. */
  readonly tenant: string;
  readonly limits: Limits;
  readonly open: (opened: Opened, principal: Principal) => void;
  readonly answered: (key: StreamKey, answer: string | undefined) => void;
}

const nothing = (): void => undefined;

/**
 * Asks the challenger what a client's stream asked: once, in the lane that gives way to all others, under the operator's own budget, with
 * neither shared memory nor tools. The answer reaches nobody but the comparison.
 */
export function tryChallenger(tools: TrialTools, host: StreamHost): void {
  const { challenger, tenant, limits, open, answered } = tools;
  const { taskType, content } = host.task;
  const key = `${host.key}~trial`;
  const principal: Principal = { tenant, subject: "challenge", roles: [] };
  const parse = {
    meta: { task_type: taskType, strategy: "single", adapters: [challenger] },
    payload: { type: "agent.request" as const, content },
    qos: "bronze" as const,
    principal,
    resumable: false,
  };
  const frame = { v: 1 as const, session_id: "trial", stream_id: key, msg_seq: 1, flags: ["SYN"] };
  const output = {
    accept: nothing,
    send: nothing,
    control: nothing,
    explained: nothing,
    end: (_ref: string, end: StreamEnd) => answered(host.key, end.by === "final" ? end.content.answer : undefined),
  };
  try {
    open(
      {
        key,
        ref: key,
        parse,
        frame,
        rich: false,
        dryRun: false,
        trial: true,
        session: key,
        sessionLimits: limits,
        output,
      },
      principal,
    );
  } catch {
    // Not let in, as when the router has too much to do: a request is not tried then.
  }
}
