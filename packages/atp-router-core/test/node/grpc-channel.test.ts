import { createServer as createHttpServer } from "node:http";
import { constants } from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { GrpcChannel } from "../../src/node/grpc-channel.js";
import { framed } from "../../src/node/grpc-framing.js";
import type { CallListener, GrpcCall } from "../../src/node/grpc-call.js";
import { targetOf } from "../../src/node/grpc-session.js";
import type { CallEnd } from "../../src/node/grpc-status.js";
import type { Clock } from "../../src/ports/index.js";
import { systemClock } from "../../src/runtime/index.js";
import { createVirtualClock } from "../../src/testing/index.js";
import { answer, begin, finish, headOnly, serveHttp2 } from "./support/http2-server.js";
import type { OnStream, RawServer } from "./support/http2-server.js";
import { testCertificate, testKey } from "./support/keys.js";

const clock = systemClock();
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

class Heard implements CallListener {
  readonly messages: string[] = [];
  readonly ends: CallEnd[] = [];
  private readonly waiting: (() => void)[] = [];

  message(bytes: Buffer): void {
    this.messages.push(bytes.toString());
    for (const look of this.waiting) look();
  }

  end(end: CallEnd): void {
    this.ends.push(end);
    for (const look of this.waiting) look();
  }

  until(when: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (when()) resolve();
      };
      this.waiting.push(look);
      look();
    });
  }

  async ended(): Promise<CallEnd | undefined> {
    await this.until(() => this.ends.length > 0);
    return this.ends[0];
  }
}

type Asked = Partial<{ deadlineAt: number; body: Buffer; clock: Clock }>;

function channelTo(port: number, own: Clock = clock): GrpcChannel {
  const channel = new GrpcChannel({ secure: false, host: "127.0.0.1", port, authority: `127.0.0.1:${port}` }, own);
  cleanups.push(() => channel.close());
  return channel;
}

async function served(onStream: OnStream, settings = {}, own?: Clock) {
  const server: RawServer = await serveHttp2(onStream, settings);
  cleanups.push(() => server.kill());
  return { server, channel: channelTo(server.port, own) };
}

function ask(channel: GrpcChannel, asked: Asked = {}): { heard: Heard; call: GrpcCall } {
  const heard = new Heard();
  const { body = framed(Buffer.from("question")), deadlineAt = (asked.clock ?? clock).now() + 10_000 } = asked;
  return { heard, call: channel.start({ path: "/s/M", metadata: { "atp-qos": "gold" }, body, deadlineAt }, heard) };
}

const ok = { code: 0 };
const failed = (kind: string, sent: boolean, message: unknown = expect.any(String)) =>
  expect.objectContaining({ failure: expect.objectContaining({ kind, sent, message }) as unknown }) as CallEnd;
/** Lets what the sockets already have arrive. */
const turns = async (n = 20): Promise<void> => {
  for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve));
};

it.each([
  ["http://h", { secure: false, host: "h", port: 7070, authority: "h:7070" }],
  ["http://h:80", { secure: false, host: "h", port: 80, authority: "h:80" }],
  ["http://h:8080/", { secure: false, host: "h", port: 8080, authority: "h:8080" }],
  ["https://h", { secure: true, host: "h", port: 443, authority: "h:443" }],
  ["https://h:80", { secure: true, host: "h", port: 80, authority: "h:80" }],
  ["http://[::80]", { secure: false, host: "::80", port: 7070, authority: "[::80]:7070" }],
])("the address %s", (address, target) => {
  expect(targetOf(address)).toEqual(target);
});

describe("a call", () => {
  it("asks as gRPC does, is answered, and is not reset after its end", async () => {
    const seen: unknown[] = [];
    const { server, channel } = await served((stream, headers) => {
      seen.push(headers);
      stream.on("data", (data: Buffer) => seen.push(data.toString("latin1")));
      stream.on("end", () => answer(stream, "one", "two"));
    });
    const { heard } = ask(channel);
    expect(await heard.ended()).toEqual(ok);
    expect(heard.messages).toEqual(["one", "two"]);
    expect(seen).toEqual([
      expect.objectContaining({
        ":method": "POST",
        ":path": "/s/M",
        ":scheme": "http",
        ":authority": `127.0.0.1:${server.port}`,
        "content-type": "application/grpc+proto",
        te: "trailers",
        "grpc-timeout": expect.stringMatching(/^(9\d{3}|10000)m$/) as unknown,
        "atp-qos": "gold",
      }),
      "\0\0\0\0\bquestion",
    ]);
    await turns();
    expect(server.streams[0]).toMatchObject({ rstCode: 0, destroyed: true });
    expect(server.sessions[0]?.state.remoteWindowSize).toBeGreaterThan(1_000_000);
  });

  it.each([
    [{ "grpc-status": "14", "grpc-message": "come%20back" }, failed("unavailable", true, "come back")],
    [{ "grpc-status": "8", "grpc-message": "100% full" }, failed("exhausted", true, "100% full")],
    [{ "grpc-status": "3" }, failed("rejected", true, "ended with INVALID_ARGUMENT")],
    [{ "grpc-status": "99" }, failed("internal", true, "ended with status 99")],
    [{ "grpc-status": "no" }, failed("internal", true, "ended with UNKNOWN")],
    [{}, failed("unavailable", true, "ended without a status")],
  ])("B.6: the trailers %j, alone or after a message", async (trailers, end) => {
    const { channel } = await served((stream, _headers, n) => {
      if (n === 1) headOnly(stream, { ":status": 200, "content-type": "application/grpc", ...trailers });
      else {
        begin(stream, "a");
        finish(stream, trailers);
      }
    });
    expect(await ask(channel).heard.ended()).toEqual(end);
    const second = ask(channel).heard;
    expect(await second.ended()).toEqual(end);
    expect(second.messages).toEqual(["a"]);
  });

  it.each([
    ["250", 250],
    ["0", 0],
    ["-1", undefined],
    ["soon", undefined],
    ["", undefined],
    ["1e3", undefined],
  ])("B.6-4: the pushback %j is %j", async (pushback, retryAfterMs) => {
    const { channel } = await served((stream) => {
      headOnly(stream, { ":status": 200, "grpc-status": "8", "grpc-retry-pushback-ms": pushback });
    });
    expect((await ask(channel).heard.ended())?.failure?.retryAfterMs).toBe(retryAfterMs);
  });

  it.each([
    [400, "text/html", "internal"],
    [401, "text/html", "rejected"],
    [403, "application/json", "rejected"],
    [404, "text/html", "rejected"],
    [429, "text/html", "unavailable"],
    [502, "text/html", "unavailable"],
    [503, "application/grpc", "unavailable"],
    [504, "text/html", "unavailable"],
    [500, "text/html", "internal"],
    [200, "text/html", "internal"],
  ])("HTTP status %i with %s is told as %s, and as no status of the adapter", async (httpStatus, type, kind) => {
    const { server, channel } = await served((stream) => {
      stream.respond({ ":status": httpStatus, "content-type": type });
      if (type === "application/grpc") stream.end();
      else stream.write("<html>and more that is never read");
    });
    const { heard } = ask(channel);
    expect(await heard.ended()).toEqual(
      failed(kind, true, expect.stringContaining(httpStatus === 200 ? type : "HTTP")),
    );
    expect(heard.ends[0]).not.toHaveProperty("code");
    await new Promise((resolve) =>
      server.streams[0]?.destroyed === true ? resolve(0) : server.streams[0]?.on("close", resolve),
    );
  });

  it.each([
    ["NGHTTP2_REFUSED_STREAM", "unavailable", false],
    ["NGHTTP2_CANCEL", "unavailable", true],
    ["NGHTTP2_ENHANCE_YOUR_CALM", "exhausted", true],
    ["NGHTTP2_INADEQUATE_SECURITY", "rejected", true],
    ["NGHTTP2_INTERNAL_ERROR", "internal", true],
    ["NGHTTP2_PROTOCOL_ERROR", "internal", true],
    ["NGHTTP2_NO_ERROR", "unavailable", true],
  ] as const)("reset with %s is told as %s, sent: %j", async (name, kind, sent) => {
    const { channel } = await served((stream) => stream.close(constants[name]));
    expect(await ask(channel).heard.ended()).toEqual(failed(kind, sent));
  });

  it.each([
    ["a compressed message", Buffer.from([1, 0, 0, 0, 1, 7]), /compressed/],
    ["a message that ends too early", framed(Buffer.from("message")).subarray(0, 9), /ends inside/],
    ["a message over the limit", Buffer.from([0, 1, 0, 0, 1]), /16777217 bytes/],
  ])("%s breaks the contract", async (_name, bytes, says) => {
    const { channel } = await served((stream) => {
      begin(stream, "good");
      stream.write(bytes);
      finish(stream);
    });
    const { heard } = ask(channel);
    expect(await heard.ended()).toEqual(failed("protocol", true, expect.stringMatching(says)));
    expect(heard.messages).toEqual(["good"]);
  });

  it("ends when it is answered, though the adapter never reads the rest of the question", async () => {
    let reset: (code: number) => void = () => undefined;
    const closed = new Promise<number>((resolve) => (reset = resolve));
    const { channel } = await served((stream) => {
      stream.on("close", () => reset(stream.rstCode));
      stream.once("data", () => {
        stream.pause();
        headOnly(stream, { ":status": 200, "grpc-status": "8", "grpc-message": "too long" });
      });
    });
    const { heard } = ask(channel, { body: framed(Buffer.alloc(4 * 1024 * 1024)) });
    expect(await heard.ended()).toEqual(failed("exhausted", true, "too long"));
    expect(await closed).toBe(constants.NGHTTP2_CANCEL);
  });

  it("whose answer is all here is told whole, though its reader paused and the connection ended", async () => {
    const { server, channel } = await served((stream) => begin(stream, "one"));
    const { heard, call } = ask(channel);
    await heard.until(() => heard.messages.length === 1);
    call.pause();
    const take = heard.message.bind(heard);
    // As a reader does that wants none of them yet.
    heard.message = (bytes) => {
      take(bytes);
      call.pause();
    };
    const [stream] = server.streams as [ServerHttp2Stream];
    stream.write(framed(Buffer.from("two")));
    stream.write(framed(Buffer.from("three")));
    finish(stream);
    await new Promise((resolve) => stream.on("close", resolve));
    server.kill();
    expect(await heard.ended()).toEqual(ok);
    expect(heard.messages).toEqual(["one", "two", "three"]);
  });

  it("that is paused holds up none but itself", async () => {
    const { server, channel } = await served((stream, _headers, n) => {
      if (n > 40) answer(stream, "quick");
      else begin(stream, "x".repeat(60_000), "y".repeat(60_000));
    });
    const paused = Array.from({ length: 40 }, () => ask(channel));
    for (const { call, heard } of paused) {
      heard.message = () => call.pause();
    }
    await server.called(40);
    await turns();
    const { heard } = ask(channel);
    expect(await heard.ended()).toEqual(ok);
    expect(server.sessions).toHaveLength(1);
  });
});

describe("a deadline", () => {
  it("B.5: is told to the adapter, and kept by the router's clock", async () => {
    const time = createVirtualClock();
    let timeout: unknown;
    const { server, channel } = await served((_stream, headers) => (timeout = headers["grpc-timeout"]), {}, time);
    const { heard, call } = ask(channel, { deadlineAt: 1_500 });
    await server.called(1);
    expect(timeout).toBe("1500m");
    await time.advance(1_499);
    expect(heard.ends).toEqual([]);
    expect(call.sent).toBe(true);
    const [stream] = server.streams as [ServerHttp2Stream];
    const closed = new Promise((resolve) => stream.on("close", resolve));
    await time.advance(1);
    expect(heard.ends).toEqual([failed("timeout", true, "did not answer in time")]);
    await closed;
    expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
  });

  it("that is past never leaves", async () => {
    const { server, channel } = await served((stream) => answer(stream));
    await ask(channel).heard.ended();
    const { heard } = ask(channel, { deadlineAt: clock.now() - 1 });
    expect(await heard.ended()).toEqual(failed("timeout", false));
    await ask(channel).heard.ended();
    expect(server.streams).toHaveLength(2);
  });
});

describe("the peer's limit of calls", () => {
  it("is kept: more calls go to more connections", async () => {
    const { server, channel } = await served((stream, _headers) => begin(stream, "a"), { maxConcurrentStreams: 2 });
    const calls = Array.from({ length: 5 }, () => ask(channel));
    await server.called(5);
    expect(server.sessions).toHaveLength(3);
    for (const stream of server.streams) finish(stream);
    for (const { heard } of calls) expect(await heard.ended()).toEqual(ok);
  });

  it("beyond 16 connections calls wait: their deadline finds them here, a free place lets them go", async () => {
    const { server, channel } = await served((stream) => begin(stream), { maxConcurrentStreams: 1 });
    const running = Array.from({ length: 16 }, () => ask(channel));
    await server.called(16);
    const late = ask(channel, { deadlineAt: clock.now() + 30 });
    const last = ask(channel);
    expect(await late.heard.ended()).toEqual(failed("timeout", false));
    expect(last.call.sent).toBe(false);
    running[3]?.call.cancel();
    await server.called(17);
    expect(server.sessions).toHaveLength(16);
    expect(last.call.sent).toBe(true);
  });

  it.each([
    ["with a call", 1],
    ["without one", 0],
  ])("calls that wait get a connection for one that was lost %s", async (_name, maxConcurrentStreams) => {
    const { server, channel } = await served((stream) => begin(stream), { maxConcurrentStreams });
    for (let n = 0; n < 17; n++) ask(channel);
    while (server.sessions.length < 16) await turns(1);
    await turns();
    server.sessions[5]?.destroy();
    while (server.sessions.length < 17) await turns(1);
    await turns();
    expect(server.streams).toHaveLength(17 * maxConcurrentStreams);
  });

  it("that the peer raises lets calls go that waited", async () => {
    const { server, channel } = await served((stream) => answer(stream), { maxConcurrentStreams: 0 });
    const { heard, call } = ask(channel);
    while (server.sessions.length < 16) await turns(1);
    expect(call.sent).toBe(false);
    server.sessions[0]?.settings({ maxConcurrentStreams: 10 });
    expect(await heard.ended()).toEqual(ok);
  });
});

describe("GOAWAY", () => {
  it("leaves the calls it names, refuses the others as never sent, and sends new ones elsewhere", async () => {
    const { server, channel } = await served((stream) => begin(stream, "a"));
    const first = ask(channel);
    await server.called(1);
    const second = ask(channel);
    await server.called(2);
    const [one] = server.streams as [ServerHttp2Stream];
    server.sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR, one.id ?? 0);
    expect(await second.heard.ended()).toEqual(failed("unavailable", false));
    const third = ask(channel);
    await server.called(3);
    expect(server.sessions).toHaveLength(2);
    finish(one);
    expect(await first.heard.ended()).toEqual(ok);
    for (const stream of server.streams.slice(2)) finish(stream);
    expect(await third.heard.ended()).toEqual(ok);
  });

  it("with an error ends the calls it names too, as sent", async () => {
    const { server, channel } = await served((stream) => begin(stream, "a"));
    const first = ask(channel);
    await server.called(1);
    const second = ask(channel);
    await server.called(2);
    server.sessions[0]?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, server.streams[0]?.id ?? 0);
    expect(await second.heard.ended()).toEqual(failed("unavailable", false));
    expect(await first.heard.ended()).toEqual(failed("unavailable", true));
    const third = ask(channel);
    await server.called(3);
    expect(third.call.sent).toBe(true);
  });
});

describe("the connection", () => {
  it("is one for calls at the same time, made by the first", async () => {
    const { server, channel } = await served((stream) => answer(stream));
    await turns();
    expect(server.sessions).toHaveLength(0);
    const calls = Array.from({ length: 50 }, () => ask(channel));
    for (const { heard } of calls) expect(await heard.ended()).toEqual(ok);
    expect(server.sessions).toHaveLength(1);
  });

  it.each([
    ["ends in order", (server: RawServer) => server.sessions[0]?.destroy(), expect.any(String)],
    ["is reset", (_server: RawServer, link: Cable) => link.reset(), "the connection was lost"],
  ])("that %s fails its calls as sent; the next call waits for a new one", async (_name, lose, message) => {
    const server = await serveHttp2((stream, _headers, n) => (n < 3 ? begin(stream, "a") : answer(stream)));
    cleanups.push(() => server.kill());
    const link = await cable(server.port);
    const channel = channelTo(link.port);
    const calls = [ask(channel), ask(channel)];
    await server.called(2);
    lose(server, link);
    for (const { heard } of calls) expect(await heard.ended()).toEqual(failed("unavailable", true, message));
    expect(await ask(channel).heard.ended()).toEqual(ok);
  });

  it("is tried again after 200 ms, then twice as late each time up to 2 s; calls between fail at once", async () => {
    const behind = await serveHttp2((stream) => answer(stream));
    cleanups.push(() => behind.kill());
    const link = await cable(behind.port);
    link.refuses = true;
    const time = createVirtualClock();
    const delays: number[] = [];
    const spying: Clock = {
      ...time,
      at(when, fn) {
        if (when - time.now() <= 2_000) delays.push(when - time.now());
        return time.at(when, fn);
      },
    };
    const channel = channelTo(link.port, spying);
    const asked = { deadlineAt: 1e6 };
    expect(await ask(channel, asked).heard.ended()).toEqual(failed("unavailable", false, "cannot be reached"));
    for (let n = 1; n <= 6; n++) {
      while (delays.length < n) await turns(1);
      expect(link.connections).toBe(n);
      const { heard } = ask(channel, asked);
      await Promise.resolve();
      expect(heard.ends).toEqual([failed("unavailable", false, "cannot be reached")]);
      await time.advance(delays[n - 1] ?? 0);
    }
    while (delays.length < 7) await turns(1);
    link.refuses = false;
    await time.advance(2_000);
    while (behind.sessions.length === 0) await turns(1);
    await turns();
    expect(await ask(channel, asked).heard.ended()).toEqual(ok);
    link.refuses = true;
    link.reset();
    await turns();
    expect(await ask(channel, asked).heard.ended()).toEqual(failed("unavailable", false, "cannot be reached"));
    expect(delays).toEqual([200, 400, 800, 1_600, 2_000, 2_000, 2_000, 200]);
  });

  it("to a host that says nothing is given up after 20 s", async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => silent.close());
    const time = createVirtualClock();
    const { heard } = ask(channelTo((silent.address() as AddressInfo).port, time), { deadlineAt: 1e6 });
    await time.advance(19_999);
    expect(heard.ends).toEqual([]);
    await time.advance(1);
    expect(await heard.ended()).toEqual(failed("unavailable", false, "cannot be reached"));
  });

  it("keeps the process alive only while calls run on it", async () => {
    const { server, channel } = await served((stream, _headers, n) => (n === 1 ? answer(stream) : begin(stream)));
    const sockets = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;
    await ask(channel).heard.ended();
    const idle = sockets();
    const { call } = ask(channel);
    await server.called(2);
    expect(sockets()).toBe(idle + 1);
    call.cancel();
    expect(sockets()).toBe(idle);
  });

  it("is asked for a sign of life every 310 s while calls run on it, and given up 20 s later", async () => {
    const time = createVirtualClock();
    const server = await serveHttp2((stream, _headers, n) => (n === 1 ? answer(stream) : begin(stream)));
    cleanups.push(() => server.kill());
    const link = await cable(server.port);
    const channel = channelTo(link.port, time);
    await ask(channel, { deadlineAt: 1e6 }).heard.ended();
    let pings = 0;
    server.sessions[0]?.on("ping", () => pings++);
    await time.advance(320_000);
    await turns();
    expect(pings).toBe(0);
    const { heard } = ask(channel, { deadlineAt: 1e9 });
    await server.called(2);
    await time.advance(300_000);
    while (pings < 1) await turns(1);
    await turns();
    await time.advance(200_000);
    expect(heard.ends).toEqual([]);
    link.cut();
    await time.advance(110_000 + 19_999);
    await turns();
    expect(heard.ends).toEqual([]);
    await time.advance(1);
    expect(await heard.ended()).toEqual(failed("unavailable", true, "the connection was lost"));
  });

  it("is TLS with HTTP/2 by ALPN when the address says so, to a host whose certificate is trusted", async () => {
    const server = await serveHttp2((stream) => answer(stream, "safe"), {}, { key: testKey, cert: testCertificate });
    cleanups.push(() => server.kill());
    const to = (host: string, ca?: string): GrpcChannel => {
      const target = { secure: true, host, port: server.port, authority: `${host}:${server.port}` };
      const channel = new GrpcChannel({ ...target, ...(ca === undefined ? {} : { tls: () => ({ ca }) }) }, clock);
      cleanups.push(() => channel.close());
      return channel;
    };
    for (const host of ["127.0.0.1", "localhost"]) {
      const { heard } = ask(to(host, testCertificate));
      expect(await heard.ended()).toEqual(ok);
      expect(heard.messages).toEqual(["safe"]);
    }
    expect(server.sessions[0]?.alpnProtocol).toBe("h2");
    expect(await ask(to("127.0.0.1")).heard.ended()).toEqual(failed("unavailable", false, "cannot be reached"));
  });

  it.each([
    ["HTTP/1.1 alone", undefined],
    ["HTTP/1.1 alone behind TLS", { key: testKey, cert: testCertificate }],
  ])("to a server of %s cannot be made", async (_name, tls) => {
    const server = tls === undefined ? createHttpServer() : createHttpsServer(tls);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const target = { secure: tls !== undefined, host: "127.0.0.1", port, authority: `127.0.0.1:${port}` };
    const channel = new GrpcChannel({ ...target, tls: () => ({ ca: testCertificate }) }, clock);
    cleanups.push(() => channel.close());
    expect(await ask(channel).heard.ended()).toEqual(failed("unavailable", false, "cannot be reached"));
  });

  it("close ends what runs and what waits", async () => {
    const { server, channel } = await served((stream) => begin(stream), { maxConcurrentStreams: 0 });
    const waiting = ask(channel);
    while (server.sessions.length === 0) await turns(1);
    server.sessions[0]?.settings({ maxConcurrentStreams: 1 });
    await server.called(1);
    const second = ask(channel);
    channel.close();
    expect(waiting.heard.ends).toEqual([failed("unavailable", true, "the router closed its connection")]);
    expect(second.heard.ends).toEqual([failed("unavailable", false, "the router closed its connection")]);
    await Promise.all(
      server.sessions.map(
        (session) => new Promise((resolve) => (session.destroyed ? resolve(0) : session.on("close", resolve))),
      ),
    );
    expect(server.streams).toHaveLength(1);
  });
});

interface Cable {
  readonly port: number;
  /** How many were made, refused ones too. */
  connections: number;
  /** Ends each connection as soon as it is made. */
  refuses: boolean;
  /** Lets nothing through any more, and tells neither end. */
  cut(): void;
  /** Resets the connections at both ends. */
  reset(): void;
}

/** What lies between a channel and a server. */
async function cable(to: number): Promise<Cable> {
  const pairs: [Socket, Socket][] = [];
  const server = createServer((near) => {
    made.connections++;
    if (made.refuses) {
      near.destroy();
      return;
    }
    const far = connect(to, "127.0.0.1");
    near.pipe(far).pipe(near);
    for (const end of [near, far]) end.on("error", () => undefined);
    pairs.push([near, far]);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const reset = (): void => {
    for (const end of pairs.flat()) end.resetAndDestroy();
  };
  cleanups.push(() => {
    reset();
    server.close();
  });
  const cut = (): void => {
    for (const [near, far] of pairs) {
      near.unpipe(far);
      far.unpipe(near);
    }
  };
  const made: Cable = { port: (server.address() as AddressInfo).port, connections: 0, refuses: false, cut, reset };
  return made;
}
