import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { startRedis, withoutRedis } from "../../../packages/atp-router-core/test/redis/support/redis-server.js";
import type { RedisServer } from "../../../packages/atp-router-core/test/redis/support/redis-server.js";
import { chunk, foreignAdapter, message } from "./support/foreign-adapter.js";
import { start } from "./support/process.js";
import type { Running } from "./support/process.js";
import { RawSocket } from "./support/raw-socket.js";
import type { RawFrame } from "./support/raw-socket.js";

const LIMIT = 100;

/** An adapter that bills 15 micro-dollars, at once or never. */
async function adapter(answers: boolean): Promise<{ url: string; called: Promise<void> }> {
  let tell: (() => void) | undefined;
  const called = new Promise<void>((resolve) => (tell = resolve));
  const server = await foreignAdapter({
    estimate: (_, done) => done(null, message([1, 10n], [2, 20n], [3, 30n], [8, 0.8])),
    stream: (call) => {
      tell?.();
      if (!answers) return;
      call.write(chunk("partial", { text: "yes" }, [4, 10n], [5, 2n], [6, 15n]));
      call.write(chunk("final", {}, [3, 0.9]));
      call.end();
    },
    health: (_, done) => done(null, message([1, 50])),
  });
  onTestFinished(() => server.close());
  return { url: server.url, called };
}

async function router(
  redis: RedisServer,
  adapterUrl: string,
  budgets: string,
): Promise<{ process: Running; url: string; socket: RawSocket }> {
  const folder = mkdtempSync(join(tmpdir(), "atp-redis-router-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "atp.json");
  const tenants = { default: { budget: { max_usd_micros: LIMIT } } };
  writeFileSync(path, JSON.stringify({ tenants, redis: { budgets, timeout_ms: 500 } }));
  const process = start("examples/router", {
    PORT: "0",
    ADAPTER_ENDPOINTS: JSON.stringify([adapterUrl]),
    REDIS_URL: redis.url,
    ATP_CONFIG: path,
  });
  const url = await process.ready;
  const socket = await RawSocket.open(url);
  onTestFinished(() => socket.close());
  return { process, url, socket };
}

const syn = (stream: string, deadlineMs: number): string =>
  JSON.stringify({
    ...{ v: 1, session_id: `s-${stream}`, stream_id: stream, msg_seq: 1, flags: ["SYN"], qos: "silver", ttl: 8 },
    meta: { task_type: "qa", deadline_ms: deadlineMs },
    payload: { type: "agent.request", content: { prompt: "Is it?" } },
  });

async function ask(socket: RawSocket, stream: string): Promise<RawFrame> {
  socket.send(syn(stream, 20_000));
  const isEnd = (f: RawFrame): boolean =>
    f.stream_id === stream && (f.flags.includes("FIN") || f.flags.includes("RST"));
  await socket.until(() => socket.frames.some(isEnd));
  return socket.frames.find(isEnd) as RawFrame;
}

interface Budget {
  posted: { usd_micros: number };
  reserved: { usd_micros: number };
}

async function budget(url: string): Promise<Budget> {
  const answer = await fetch(`${url}/v1/budgets`);
  return ((await answer.json()) as { tenants: { default: Budget } }).tenants.default;
}

describe.skipIf(withoutRedis)("routers that share budgets on a real redis-server", { timeout: 40_000 }, () => {
  it("A7.4 a router that is killed leaves no hold past its time, and what it had sent is charged", async () => {
    async function crash(budgets: string): Promise<void> {
      const redis = await startRedis();
      onTestFinished(() => redis.dispose());
      const hanging = await adapter(false);
      const [victim, other] = await Promise.all([
        router(redis, hanging.url, budgets),
        router(redis, (await adapter(true)).url, budgets),
      ]);
      victim.socket.send(syn("lost", 1_000));
      await hanging.called;
      const held = (await budget(other.url)).reserved.usd_micros;
      expect(held).toBeGreaterThan(0);
      victim.process.child.kill("SIGKILL");
      await expect
        .poll(async () => (await budget(other.url)).reserved.usd_micros, { timeout: 12_000, interval: 100 })
        .toBe(0);
      expect((await budget(other.url)).posted.usd_micros).toBe(held);
      // What is left is there for the others, and no more than that.
      expect((await ask(other.socket, "next")).flags).toContain("FIN");
      await expect.poll(async () => (await budget(other.url)).posted.usd_micros, { timeout: 5_000 }).toBe(held + 15);
      expect(held + 15).toBeLessThanOrEqual(LIMIT);
    }
    // Both wait for the same time to pass.
    await Promise.all(["exact", "leased"].map(crash));
  });

  it("without Redis money fails closed and says why; when it is back everything goes on", async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.dispose());
    const { url, socket } = await router(redis, (await adapter(true)).url, "exact");
    expect((await ask(socket, "before")).flags).toContain("FIN");
    await expect.poll(async () => (await budget(url)).posted.usd_micros, { timeout: 5_000 }).toBe(15);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    await redis.kill();
    expect((await ask(socket, "away")).payload?.content).toMatchObject({
      code: "EOVERLOAD",
      processed: "no",
      details: { reason: "ledger_unavailable" },
    });
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    await redis.start();
    await expect.poll(async () => (await fetch(`${url}/readyz`)).status, { timeout: 10_000 }).toBe(200);
    expect((await ask(socket, "after")).flags).toContain("FIN");
    await expect
      .poll(async () => budget(url), { timeout: 5_000 })
      .toMatchObject({ posted: { usd_micros: 30 }, reserved: { usd_micros: 0 } });
  });
});
