import { createHash } from "node:crypto";
import {
  closeCodes,
  createEndpoint,
  decodeFrame,
  type Endpoint,
  type EndpointEffect,
  encodeFrame,
  errorClasses,
  type ErrorCode,
  type ErrorContent,
  type HelloContent,
  utf8Length,
} from "../../../src/index.js";
import { asText } from "../result.js";
import { type Host, type HostTools, type Input, Timer } from "./host.js";

/** What a credential stands for. Without `tokens` in `start` everybody is anonymous. */
type Credential = { readonly tenant: string; readonly sub: string } | { readonly expired: true };

/** One endpoint, its clock and the text of each slot, for snapshots. */
interface Machine {
  readonly endpoint: Endpoint;
  readonly timer: Timer;
  readonly said: Map<string, { text: string; chunk: number; attempt: number; adapter: string }>;
  owner: string;
  at: number;
  /** The number of the socket that it speaks on. */
  socket: number | null;
}

/** A router's program around its endpoints: it accepts every stream, says what it is told to say, and finds sessions by their tokens. */
export function createRouterHost(tools: HostTools): Host {
  const { options, limits, capabilities } = tools;
  const known = options["tokens"] as Readonly<Record<string, Credential>> | undefined;
  const machines: Machine[] = [];
  const owners = new Map<string, Machine>();
  let tokens = 0;
  /** The machine that has each socket. */
  const sockets = new Map<number, Machine>();
  let session: Machine | null = null;

  function create(): Machine {
    const endpoint = createEndpoint({
      role: "router",
      limits,
      capabilities,
      encode: encodeFrame,
      sizeOf: (data) => utf8Length(data as string),
    });
    const machine: Machine = {
      endpoint,
      timer: new Timer(),
      said: new Map(),
      owner: "",
      at: tools.now(),
      socket: null,
    };
    machines.push(machine);
    return machine;
  }

  function step(machine: Machine, input: Input): void {
    for (const effect of machine.endpoint.step({ at: machine.at, ...input })) perform(machine, effect);
  }

  function put(machine: Machine, output: { readonly frame: string } | { readonly close: number }): void {
    const { socket } = machine;
    if (socket !== null) tools.emit(socket === 1 ? output : { ...output, socket });
  }

  function perform(machine: Machine, effect: EndpointEffect): void {
    switch (effect.t) {
      case "transmit":
        return put(machine, { frame: effect.data as string });
      case "close":
        return put(machine, { close: effect.code });
      case "timer":
        machine.timer.at = effect.at;
        return;
      case "hello":
        return greet(machine, effect.hello);
      case "tokens":
        for (const [id, owner] of owners) if (owner === machine) owners.delete(id);
        for (const id of effect.valid) owners.set(id, machine);
        return;
      case "stream.opened":
        session ??= machine;
        machine.said.set(effect.stream, { text: "", chunk: 0, attempt: 0, adapter: "a" });
        return step(machine, {
          t: "stream.accept",
          stream: effect.stream,
          qos: effect.frame.qos ?? "silver",
          window: {},
        });
      case "stream.message":
        tools.emit({
          told: "input",
          stream: effect.stream,
          seq: effect.frame.msg_seq,
          content: effect.frame.payload?.content,
        });
        if (options["slow_inputs"] === true) return;
        return step(machine, { t: "stream.consumed", stream: effect.stream, seq: effect.frame.msg_seq });
      case "stream.cancelled":
        tools.emit({ told: "cancelled", stream: effect.stream });
        return fail(machine, effect.stream, effect.error?.code ?? "ECANCELLED", "maybe");
      case "stream.detach": {
        const resumeToken = newToken();
        return step(machine, {
          t: "stream.part",
          stream: effect.stream,
          resumeToken,
          resumeTokenId: idOf(resumeToken),
        });
      }
      case "stream.parted": {
        const heir = create();
        heir.owner = machine.owner;
        const slot = machine.said.get(effect.stream);
        if (slot !== undefined) heir.said.set(effect.stream, slot);
        machine.said.delete(effect.stream);
        return step(heir, { t: "session.restore", parcel: effect.parcel, tokenId: effect.tokenId });
      }
      case "stream.snapshot":
        return snapshot(machine, effect.stream);
      case "stream.inputEnded":
        return tools.emit({ told: "input_ended", stream: effect.stream });
      case "feedback":
        return tools.emit({ told: "feedback", stream: effect.stream, content: effect.content });
      case "window":
        return tools.emit({ told: "window", stream: effect.stream ?? "0", content: effect.content });
      case "control":
        if (effect.frame.payload?.type === "control.auth") renew(machine, effect.frame.payload.content);
        return;
      default:
    }
  }

  function newToken(): string {
    return `token-${++tokens}-${"0".repeat(24)}`;
  }

  /** Finds out who asks, and whether the session is to be resumed (A2.3, A9.2, A9.3). */
  function greet(machine: Machine, hello: HelloContent): void {
    const who = identify(hello.token);
    if ("code" in who) {
      step(machine, { t: "hello.refused", error: errorOf(who.code, "Show a valid token."), closeCode: who.close });
      return;
    }
    const shown = hello.resume?.resume_token;
    const found = shown === undefined ? undefined : owners.get(idOf(shown));
    if (found !== undefined && found.owner !== who.sub) {
      const error = errorOf("ESEC", "This token belongs to another principal.");
      step(machine, { t: "hello.refused", error, closeCode: 4403 });
      return;
    }
    const resumeToken = newToken();
    const grant = {
      epoch: `epoch-${machines.indexOf(found ?? machine)}`,
      ...(capabilities.includes("resume") ? { resumeToken, resumeTokenId: idOf(resumeToken) } : {}),
      server: { name: "testee", version: "1" },
      levels: [1],
      lease: { max_parallel: 64, max_tokens: 10_000_000, max_usd_micros: 10_000_000 },
      principal: { tenant: who.tenant, sub: who.sub },
    };
    if (found === undefined || shown === undefined) {
      machine.owner = who.sub;
      session = machine;
      return step(machine, { t: "hello.granted", grant });
    }
    if (found.socket !== null) supersede(found, found.socket);
    found.socket = machine.socket;
    if (found.socket !== null) sockets.set(found.socket, found);
    machine.socket = null;
    session = found;
    found.at = machine.at;
    step(found, { t: "session.attach", hello, grant, shownTokenId: idOf(shown) });
  }

  /** The newest attachment wins (A2.3). */
  function supersede(machine: Machine, socket: number): void {
    put(machine, { close: closeCodes.superseded });
    sockets.delete(socket);
    machine.socket = null;
    step(machine, { t: "socket.closed", code: closeCodes.superseded, reason: "superseded" });
  }

  function identify(
    token: string | undefined,
  ): { readonly tenant: string; readonly sub: string } | { readonly code: ErrorCode; readonly close: number } {
    if (known === undefined) return { tenant: "default", sub: "anonymous" };
    const who = known[token ?? ""];
    if (who === undefined) return { code: "EAUTH", close: 4401 };
    return "expired" in who ? { code: "EAUTH", close: 4301 } : who;
  }

  function renew(machine: Machine, content: unknown): void {
    const { token } = content as { token?: string };
    const who = identify(token);
    const renewed = !("code" in who) && who.sub === machine.owner;
    const payload = renewed
      ? { type: "control.auth", content: { expires_in_ms: 3_600_000 } }
      : { type: "error", content: errorOf("EAUTH", "Show a valid token of the same principal.") };
    step(machine, { t: "stream.control", stream: null, payload });
  }

  function snapshot(machine: Machine, stream: string): void {
    const slot = machine.said.get(stream);
    if (slot === undefined) return;
    slot.attempt++;
    slot.chunk = 1;
    const content = { adapter: slot.adapter, chunk: 0, attempt: slot.attempt, text: slot.text };
    step(machine, { t: "stream.send", stream, message: { payload: { type: "agent.result.partial", content } } });
  }

  function fail(machine: Machine, stream: string, code: ErrorCode, processed: "no" | "maybe"): void {
    const payload = { type: "error", content: { ...errorOf(code, "The stream was ended."), processed } };
    const telemetry = { tokens: 1, usd: 1, latency_ms: 1 };
    step(machine, { t: "stream.end", stream, flag: "RST", payload, telemetry });
  }

  return {
    connect(socket) {
      const machine = create();
      machine.socket = socket;
      sockets.set(socket, machine);
      step(machine, { t: "socket.opened", subprotocol: "atp.v1+json" });
    },
    receive(text, socket) {
      const machine = sockets.get(socket);
      if (machine === undefined) return;
      machine.at = tools.now();
      const decoded = decodeFrame(text, limits);
      const bytes = utf8Length(text);
      if (decoded.ok) step(machine, { t: "socket.frame", frame: decoded.frame, bytes });
      else step(machine, { t: "socket.refused", refusal: decoded.refusal, bytes });
      const after = sockets.get(socket);
      if (options["stalled"] !== true && after !== undefined) step(after, { t: "socket.buffered", bytes: 0 });
    },
    drop(code, socket) {
      const machine = sockets.get(socket);
      if (machine === undefined) return;
      sockets.delete(socket);
      machine.socket = null;
      machine.at = tools.now();
      step(machine, { t: "socket.closed", code, reason: "" });
    },
    advance(until) {
      for (const machine of machines) {
        machine.timer.run(until, (due) => {
          machine.at = Math.max(machine.at, due);
          step(machine, { t: "timer.fired" });
        });
        machine.at = until;
      }
    },
    command(request) {
      const stream = `${asText(request["session_id"] ?? "s1")}/${String(request["stream"])}`;
      const machine =
        machines.find(({ said }) => said.has(stream)) ?? session ?? sockets.get(Number(request["socket"] ?? 1));
      if (machine === undefined) throw new Error("no session");
      machine.at = tools.now();
      if (request.op === "say") {
        const slot = machine.said.get(stream);
        if (slot === undefined) throw new Error(`no stream ${stream}`);
        const text = String(request["text"]).repeat(Number(request["times"] ?? 1));
        slot.text += text;
        const content = { adapter: slot.adapter, chunk: slot.chunk++, attempt: slot.attempt, text };
        const merge = request["merge"] === true ? { mergeKey: `a/${slot.attempt}` } : {};
        const message = { payload: { type: "agent.result.partial", content }, ...merge };
        step(machine, { t: "stream.send", stream, message });
      } else if (request.op === "answer") {
        const content = { ok: true, answer: machine.said.get(stream)?.text ?? "" };
        const payload = { type: "agent.result.final", content };
        const telemetry = { tokens: 12, usd: 3, latency_ms: 5 };
        step(machine, { t: "stream.end", stream, flag: "FIN", payload, telemetry });
      } else if (request.op === "fail") fail(machine, stream, "EAGENTDOWN", "maybe");
      else if (request.op === "plan")
        step(machine, {
          t: "stream.control",
          stream,
          payload: { type: "control.plan", content: { strategy: "single" } },
        });
      else if (request.op === "drain") step(machine, { t: "drain" });
      else if (request.op === "taken") step(machine, { t: "stream.consumed", stream, seq: Number(request["seq"]) });
      else throw new Error(`a router has no ${request.op}`);
    },
  };
}

const idOf = (token: string): string => createHash("sha256").update(token).digest("hex");

function errorOf(code: ErrorCode, message: string): ErrorContent {
  return { code, message, retry: errorClasses[code].retry, processed: "no" };
}
