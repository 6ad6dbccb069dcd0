import { createEndpoint, decodeFrame, encodeFrame, utf8Length } from "../../../src/index.js";
import type { Credit, EndpointEffect } from "../../../src/index.js";
import { asText } from "../result.js";
import type { Request } from "./protocol.js";
import { type Host, type HostTools, type Input, Timer } from "./host.js";

/** A client's program around the endpoint: it opens streams when told, and tells what it got. */
export function createClientHost(tools: HostTools): Host {
  const { options, limits, capabilities } = tools;
  const sessionId = asText(options["session_id"] ?? "s1");
  const naive = options["naive"] === true;
  const token = options["token"];
  const endpoint = createEndpoint({
    role: "client",
    limits,
    capabilities,
    encode: encodeFrame,
    sizeOf: (data) => utf8Length(data as string),
    ...(naive
      ? {}
      : {
          hello: {
            sessionId,
            content: {
              client: { name: "testee", version: "1" },
              capabilities,
              ...(typeof token === "string" ? { token } : {}),
            },
          },
        }),
  });
  const timer = new Timer();
  let at = 0;
  const refOf = (request: Request): string => `${sessionId}/${String(request["stream"])}`;
  const nameOf = (ref: string): string => ref.slice(ref.indexOf("/") + 1);

  function step(input: Input): void {
    for (const effect of endpoint.step({ at, ...input })) perform(effect);
  }

  function perform(effect: EndpointEffect): void {
    switch (effect.t) {
      case "transmit":
        return tools.emit({ frame: effect.data as string });
      case "close":
        return tools.emit({ close: effect.code });
      case "timer":
        timer.at = effect.at;
        return;
      case "welcome":
        return tools.emit({ told: "welcome", epoch: effect.content.epoch });
      case "stream.accepted":
        return tools.emit({ told: "accepted", stream: nameOf(effect.stream) });
      case "stream.message": {
        const { msg_seq, payload } = effect.frame;
        const content = payload?.content;
        return tools.emit({
          told: "message",
          stream: nameOf(effect.stream),
          seq: msg_seq,
          type: payload?.type,
          content,
        });
      }
      case "stream.ended": {
        const { msg_seq, payload } = effect.frame;
        const content = payload?.content;
        return tools.emit({ told: "ended", stream: nameOf(effect.stream), by: effect.by, seq: msg_seq, content });
      }
      case "stream.cut":
        return tools.emit({ told: "cut", stream: nameOf(effect.stream), code: effect.code });
      case "control": {
        const stream = effect.stream === null ? "0" : nameOf(effect.stream);
        return tools.emit({ told: "control", stream, type: effect.frame.payload?.type });
      }
      default:
    }
  }

  return {
    connect() {
      at = tools.now();
      step({ t: "socket.opened", subprotocol: "atp.v1+json" });
    },
    receive(text) {
      at = tools.now();
      const whole = !capabilities.includes("fragments");
      const decoded = decodeFrame(text, { max_frame_bytes: whole ? limits.max_message_bytes : limits.max_frame_bytes });
      const bytes = utf8Length(text);
      if (decoded.ok) step({ t: "socket.frame", frame: decoded.frame, bytes });
      else step({ t: "socket.refused", refusal: decoded.refusal, bytes });
      step({ t: "socket.buffered", bytes: 0 });
    },
    drop(code) {
      at = tools.now();
      step({ t: "socket.closed", code, reason: "" });
    },
    advance(until) {
      timer.run(until, (due) => {
        at = Math.max(at, due);
        step({ t: "timer.fired" });
      });
      at = until;
    },
    command(request) {
      at = tools.now();
      const stream = refOf(request);
      if (request.op === "open")
        step({
          t: "stream.open",
          sessionId,
          streamId: String(request["stream"]),
          payload: { type: "agent.request", content: { prompt: request["prompt"] ?? "hello" } },
          ...(request["credit"] === undefined ? {} : { credit: request["credit"] as Credit }),
        });
      else if (request.op === "input")
        step({
          t: "stream.send",
          stream,
          message: { payload: { type: "agent.input", content: { prompt: request["prompt"] ?? "more" } } },
        });
      else if (request.op === "cancel") step({ t: "stream.cancel", stream });
      else if (request.op === "taken") step({ t: "stream.consumed", stream, seq: Number(request["seq"]) });
      else if (request.op === "close") step({ t: "close", code: 1000, reason: "" });
      else throw new Error(`a client has no ${request.op}`);
    },
  };
}
