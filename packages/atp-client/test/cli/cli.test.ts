import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { AtpError } from "atp-protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { ServedConnection } from "../support/memory-router.js";
import type { Script } from "../support/memory-router.js";
import { VirtualClock } from "../support/virtual-clock.js";

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

let http: Server;
let sockets: WebSocketServer;
let script: Script;
let explained: unknown;
let url: string;

beforeEach(async () => {
  http = createServer((request, response) => {
    let body = "";
    request.on("data", (data: Buffer) => (body += data.toString()));
    request.on("end", () => {
      if (request.url === "/v1/explain") explained = JSON.parse(body);
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ path: request.url }));
    });
  });
  sockets = new WebSocketServer({ server: http, handleProtocols: () => "atp.v1+json" });
  sockets.on("connection", (socket) => {
    const connection = new ServedConnection(new VirtualClock(), script);
    connection.client.onmessage = ({ data }) => {
      socket.send(data as string);
    };
    connection.client.onclose = ({ code, reason }) => {
      socket.close(code, reason);
    };
    socket.on("message", (data: Buffer) => {
      connection.client.send(data.toString());
    });
    connection.open();
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws`;
});
afterEach(async () => {
  for (const socket of sockets.clients) socket.terminate();
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(...args: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, ATP_URL: url } });
  let [out, err] = ["", ""];
  child.stdout.on("data", (data: Buffer) => (out += data.toString()));
  child.stderr.on("data", (data: Buffer) => (err += data.toString()));
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code) => {
      resolve({ code, out, err });
    });
  });
  return { child, ended };
}

const answering: Script = {
  opened: (stream, frame) => {
    const { prompt, messages } = frame.payload?.content as { prompt?: string; messages?: { content: string }[] };
    stream
      .accept()
      .partial("a", 0, "one")
      .finish(`re: ${prompt ?? messages?.map(({ content }) => content).join("|")}`);
  },
};

const refusing = (code: ConstructorParameters<typeof AtpError>[0]): Script => ({
  opened: (stream) => {
    stream.refuse(new AtpError(code, "no"));
  },
});

describe("atp, the terminal client", () => {
  it("asks: the answer alone on standard output, progress on standard error, lane and window in the SYN", async () => {
    let opened: unknown;
    script = {
      opened: (stream, frame) => {
        opened = { qos: frame.qos, window: frame.window };
        answering.opened?.(stream, frame);
      },
    };
    const { code, out, err } = await start("ask", "how", "so?", "--qos", "gold", "--max-usd", "0.01").ended;
    expect({ code, out }).toEqual({ code: 0, out: "re: how so?\n" });
    expect(err).toContain("a answers");
    expect(err).toContain("12 tokens, $0.000034");
    expect(opened).toEqual({ qos: "gold", window: { max_usd_micros: 10_000 } });
  });

  it("--json writes one object a line, the final last", async () => {
    script = answering;
    const { out, err } = await start("ask", "hi", "--json").ended;
    const lines = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; answer?: string });
    expect(lines.map(({ type }) => type)).toEqual(["accept", "partial", "final"]);
    expect(lines.at(-1)?.answer).toBe("re: hi");
    expect(err).toBe("");
  });

  it.each([
    ["EBUDGET", 4],
    ["EPOLICY", 5],
    ["EOVERLOAD", 6],
    ["ETIMEOUT", 7],
    ["ENOROUTE", 3],
  ] as const)("%s ends it with %i", async (refusal, exit) => {
    script = refusing(refusal);
    const { code, out, err } = await start("ask", "hi", "-q").ended;
    expect({ code, out, err }).toEqual({ code: exit, out: "", err: `${refusal}: no\n` });
  });

  it("a connection that is lost for good: 8", async () => {
    script = {
      opened: (stream) => {
        stream.accept();
        // Behind the welcome: before it, nobody was let in.
        setImmediate(() => {
          for (const socket of sockets.clients) socket.close(4400);
        });
      },
    };
    const { code, err } = await start("ask", "hi", "-q").ended;
    expect({ code, err }).toEqual({ code: 8, err: expect.stringMatching(/^ECUT: .*4400/) as string });
  });

  it("nobody there: 9", async () => {
    const { code } = await start("ask", "hi", "-q", "--url", "ws://127.0.0.1:9/ws").ended;
    expect(code).toBe(9);
  });

  it.each([["ask"], ["ask", "hi", "--max-usd", "1e3"], ["ask", "hi", "--qos", "lead"], ["nothing"]])(
    "wrong use is 2: %s %s %s",
    async (...args) => {
      expect((await start(...args.filter((arg) => arg !== undefined)).ended).code).toBe(2);
    },
  );

  it("--help lists the exit codes", async () => {
    const { code, out } = await start("ask", "--help").ended;
    expect(code).toBe(0);
    expect(out).toMatch(/4 {2}over a budget or a window: EBUDGET EWINDOW/);
  });

  it("Ctrl-C cancels at the router and leaves with 130", async () => {
    let interrupt = (): void => undefined;
    let cancelled = "";
    script = {
      opened: (stream) => {
        stream.accept();
        interrupt();
      },
      cancelled: (stream, reason) => {
        cancelled = reason;
        stream.refuse(new AtpError("ECANCELLED", "cancelled"));
      },
    };
    const { child, ended } = start("ask", "hi");
    interrupt = () => void child.kill("SIGINT");
    expect((await ended).code).toBe(130);
    expect(cancelled).toBe("interrupted");
  });

  it("what an adapter says cannot drive the terminal", async () => {
    script = { opened: (stream) => void stream.accept().finish("\u001b[2Jgone\u0007") };
    expect((await start("ask", "hi", "-q").ended).out).toBe("[2Jgone\n");
  });

  it("chats with the whole conversation", async () => {
    script = answering;
    const { child, ended } = start("chat", "-q");
    child.stdin?.end("one\ntwo\n");
    expect((await ended).out).toBe("re: one\nre: one|re: one|two\n");
  });

  it("explains over HTTP, and watches", async () => {
    const { code, out } = await start("explain", "hi", "--strategy", "quorum", "--max-tokens", "9", "--json").ended;
    expect({ code, out }).toEqual({ code: 0, out: '{"path":"/v1/explain"}\n' });
    expect(explained).toMatchObject({ window: { max_tokens: 9 }, meta: { strategy: "quorum" } });
    const watched = await start("watch", "--count", "2", "--interval", "0.1", "--json").ended;
    const lines = watched.out.trim().split("\n");
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ lanes: { path: "/v1/lanes" } });
  });
});
