import { AtpError, closeCodes, defaultLimits } from "atp-protocol";
import type { ErrorContent, WireLimits } from "atp-protocol";
import { fromWindow } from "../model/index.js";
import type { Lane, Limits, Principal } from "../model/index.js";
import type { Credentials } from "../ports/index.js";
import { createRouterMachine } from "../router/index.js";
import type { RouterEvent } from "../router/index.js";
import { matchRoute } from "../routing/index.js";
import type { StreamKey } from "../stream/index.js";
import { openConnection } from "./connection.js";
import type { Connection, Opened } from "./connection.js";
import { allowTools } from "./default-policy.js";
import type { StreamHost } from "./host.js";
import { createLedgerDesk } from "./ledger-desk.js";
import { createMemoryLedgerStore } from "./memory-ledger-store.js";
import { perform } from "./performer.js";
import type { Tools } from "./performer.js";
import { parseTask } from "./request.js";
import type { ExplainRequest, Lease, Readiness, Router, RouterConfig, RouterLimits } from "./router.js";
import { systemClock, systemRng } from "./system.js";

const TICK_MS = 250;
const SWEEP_EVERY_TICKS = 8;

const defaultLease: Lease = { max_parallel: 64, max_tokens: 10_000_000, max_usd_micros: 10_000_000 };

const defaultRouterLimits: RouterLimits = {
  maxConcurrentCalls: 256,
  estimateTimeoutMs: 2_000,
  memoryTimeoutMs: 500,
  policyTimeoutMs: 1_000,
  maxStreamMs: 600_000,
  maxWindowWaitMs: 30_000,
};

const laneOrder: readonly Lane[] = ["gold", "silver", "bronze"];

/**
 * A router to embed: it takes sockets, asks policy, memory, ledger and adapters through their ports, and answers.
 * Without further configuration budgets are kept in process memory and everyone is the tenant `default`.
 */
export function createRouter(config: RouterConfig): Router {
  const clock = config.clock ?? systemClock();
  const rng = config.rng ?? systemRng();
  const observer = config.observer;
  const wire: WireLimits = { ...defaultLimits, ...pick(config.limits, defaultLimits) };
  const limits: RouterLimits = { ...defaultRouterLimits, ...pick(config.limits, defaultRouterLimits) };
  const lease = config.lease ?? defaultLease;
  const ledger = config.ledger ?? createMemoryLedgerStore(clock);
  const desk = createLedgerDesk(ledger, clock);
  const server = config.server ?? { name: "atp-router", version: "0.1.0" };
  const salt = rng.hex(8);
  const machine = createRouterMachine({ lanes: lanesConfig(config, limits) });
  const adapters = new Map(config.adapters.map((port) => [port.id, port]));
  const hosts = new Map<StreamKey, StreamHost>();
  const connections = new Set<Connection>();
  const emptied = new Set<() => void>();
  let draining = false;
  let opened = 0;
  let closedForGood = false;
  let stopTick: (() => void) | undefined;

  const queue: RouterEvent[] = [];
  let stepping = false;
  /** One event at a time: what an effect causes waits until its own turn is over. */
  function emit(event: RouterEvent): void {
    queue.push(event);
    if (stepping) return;
    stepping = true;
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) turn(next);
    } finally {
      stepping = false;
    }
  }

  function turn(event: RouterEvent): void {
    try {
      for (const effect of machine.step(event)) perform(tools, effect);
    } catch (error) {
      const id = rng.hex(8);
      observer?.observe({ t: "defect", id, where: event.t, error });
      if ("key" in event && event.t !== "defect") queue.push({ t: "defect", at: clock.now(), key: event.key, id });
    }
  }

  const tools: Tools = {
    clock,
    emit,
    adapters,
    policy: config.policy ?? allowTools(),
    memory: config.memory,
    ledger,
    desk,
    observer,
    limits,
    hosts,
    closed(host) {
      hosts.delete(host.key);
      if (hosts.size === 0) for (const tell of [...emptied]) tell();
    },
  };

  function principalOf(token: string | undefined): Principal | Promise<Principal> {
    if (config.identity === undefined) return { tenant: "default", subject: "anonymous", roles: [] };
    const credentials: Credentials = token === undefined ? {} : { token };
    return config.identity.authenticate(credentials).then(({ principal }) => principal);
  }

  function open(o: Opened, principal: Principal, dryRun = false): StreamKey {
    if (draining) throw new AtpError("EDRAINING", "The router shuts down. Ask again elsewhere.");
    const task = parseTask(o.parse);
    const tenant = config.tenants?.[principal.tenant];
    const qos = lowered(o.parse.qos, tenant?.lanes);
    const key = `${o.session}/${o.ref}${dryRun ? `/${opened}` : ""}`;
    opened++;
    const at = clock.now();
    const route = matchRoute(config.routes ?? [], task, qos);
    const explicit = (o.parse.meta as { strategy?: unknown } | undefined)?.strategy !== undefined;
    const host: StreamHost = {
      key,
      ref: o.ref,
      output: o.output,
      tenant: principal.tenant,
      qos,
      taskType: task.taskType,
      session: `${salt}${o.session}`,
      traceparent: task.trace?.traceparent,
      timers: {},
      legs: new Map(),
    };
    hosts.set(key, host);
    emit({
      t: "stream.opened",
      at,
      key,
      opening: {
        task: !explicit && route?.strategy !== undefined ? { ...task, strategy: route.strategy } : task,
        principal,
        qos,
        window: fromWindow(o.frame.window, o.sessionLimits),
        scopes: [
          { source: "session", key: `session:${o.session}`, limits: o.sessionLimits },
          { source: "tenant", key: `tenant:${principal.tenant}`, limits: tenant?.budget ?? {} },
        ],
        ...(route === undefined ? {} : { route }),
        rich: o.rich,
        dryRun,
        deadlineAt: at + Math.min(task.deadlineMs ?? limits.maxStreamMs, limits.maxStreamMs),
        maxWindowWaitMs: limits.maxWindowWaitMs,
      },
    });
    return key;
  }

  let ticks = 0;
  function tick(): void {
    if (closedForGood) return;
    stopTick = clock.at(clock.now() + TICK_MS, tick);
    emit({ t: "tick", at: clock.now() });
    // A store that is away is swept when it is back.
    if (++ticks % SWEEP_EVERY_TICKS === 0) void ledger.sweep().catch(() => undefined);
  }

  let roomTold = false;
  const stopWatching = ledger.watch(() => {
    if (roomTold) return;
    roomTold = true;
    queueMicrotask(() => {
      roomTold = false;
      emit({ t: "money.room", at: clock.now() });
    });
  });

  for (const port of config.adapters)
    emit({ t: "adapter.added", at: clock.now(), adapter: port.id, configured: port.configured ?? {} });
  tick();

  async function explain(
    request: ExplainRequest,
    credentials: Credentials,
  ): Promise<Readonly<Record<string, unknown>> | { readonly error: ErrorContent }> {
    try {
      const principal = await principalOf(credentials.token);
      return await new Promise((resolve, reject) => {
        const sessionLimits: Limits = {
          parallel: lease.max_parallel,
          tokens: lease.max_tokens,
          usdMicros: lease.max_usd_micros,
        };
        const nothing = (): void => undefined;
        const output = {
          accept: nothing,
          send: nothing,
          control: nothing,
          end: (_ref: string, end: { error?: ErrorContent }) => resolve({ error: end.error as ErrorContent }),
          explained: resolve,
        };
        try {
          const qos = request.qos ?? "silver";
          const frame = {
            v: 1 as const,
            session_id: "explain",
            stream_id: "explain",
            msg_seq: 1,
            flags: ["SYN"],
            ...(request.window === undefined ? {} : { window: request.window }),
          };
          const parse = { meta: request.meta, payload: request.payload, qos, principal, resumable: false };
          open(
            { ref: "explain", parse, frame, rich: true, session: `explain-${salt}`, sessionLimits, output },
            principal,
            true,
          );
        } catch (error) {
          reject(AtpError.from(error));
        }
      });
    } catch (error) {
      return { error: AtpError.from(error).toContent() };
    }
  }

  async function ready(): Promise<Readiness> {
    const known = machine.registry.candidates();
    const up = known.filter(({ status }) => status === "READY" || status === "BUSY");
    const checks: Record<string, { ok: boolean; message?: string }> = {
      adapters:
        up.length > 0
          ? { ok: true, message: `${up.length} of ${known.length} up` }
          : { ok: false, message: known.length === 0 ? "no adapter is configured" : "no adapter is up" },
    };
    const ask = async (name: string, probe: (() => Promise<boolean>) | undefined): Promise<void> => {
      if (probe === undefined) return;
      const ok = await probe().catch(() => false);
      checks[name] = ok ? { ok } : { ok, message: "cannot be reached" };
    };
    await Promise.all([
      ask("policy", config.policy?.ready?.bind(config.policy)),
      ask("memory", config.memory?.ready?.bind(config.memory)),
      ask("ledger", () => ledger.read("tenant:default").then(() => true)),
    ]);
    if (draining) checks["router"] = { ok: false, message: "draining" };
    return { ok: Object.values(checks).every(({ ok }) => ok), checks };
  }

  function allStreamsEnded(withinMs: number): Promise<void> {
    if (hosts.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        emptied.delete(done);
        stop();
        resolve();
      };
      const stop = clock.at(clock.now() + withinMs, done);
      emptied.add(done);
    });
  }

  async function drain(options: { drainMs?: number } = {}): Promise<void> {
    draining = true;
    for (const connection of [...connections]) connection.drain();
    await allStreamsEnded(options.drainMs ?? wire.drain_ms);
    await close();
  }

  async function close(): Promise<void> {
    draining = true;
    for (const key of [...hosts.keys()]) emit({ t: "drain.over", at: clock.now(), key });
    for (const connection of [...connections]) connection.close(closeCodes.goingAway, "the router shuts down");
    closedForGood = true;
    stopTick?.();
    stopWatching();
    for (const port of adapters.values()) port.close();
  }

  return {
    connect(socket, info) {
      const session = rng.hex(12);
      const connection = openConnection(
        {
          clock,
          emit,
          observer,
          limits: wire,
          lease,
          server,
          epoch: session,
          authenticate: principalOf,
          open,
          setSessionLimits: (name, next) => desk.setLimit(`session:${name}`, next),
          closed(gone) {
            connections.delete(gone);
            observer?.observe({ t: "socket.closed", sockets: connections.size });
            desk.forget(`session:${gone.session}`);
          },
        },
        socket,
        info,
      );
      connections.add(connection);
      observer?.observe({ t: "socket.opened", sockets: connections.size });
      if (draining) connection.drain();
      return connection;
    },
    explain,
    view() {
      const running = new Map<string, number>();
      for (const stream of machine.streams.values()) {
        for (const leg of stream.legs) {
          if (leg.phase === "running") running.set(leg.call.adapter.id, (running.get(leg.call.adapter.id) ?? 0) + 1);
        }
      }
      return {
        adapters: machine.registry.view().map((a) => ({ ...a, running: running.get(a.info.id) ?? 0 })),
        lanes: { ...machine.lanes.view() },
        streams: hosts.size,
        sockets: connections.size,
        draining,
      };
    },
    async budgets() {
      const tenants: Record<string, unknown> = {};
      for (const name of new Set(["default", ...Object.keys(config.tenants ?? {})])) {
        tenants[name] = (await ledger.read(`tenant:${name}`)) ?? {
          limits: config.tenants?.[name]?.budget ?? {},
          posted: { parallel: 0, tokens: 0, usdMicros: 0 },
          reserved: { parallel: 0, tokens: 0, usdMicros: 0 },
        };
      }
      const sessions: Record<string, unknown> = {};
      for (const { session } of connections) {
        const balance = await ledger.read(`session:${session}`);
        if (balance !== undefined) sessions[session] = balance;
      }
      return { tenants, sessions };
    },
    ready,
    drain,
    close,
  };
}

function lanesConfig(config: RouterConfig, limits: RouterLimits): Parameters<typeof createRouterMachine>[0]["lanes"] {
  const weights = { gold: 8, silver: 3, bronze: 1 };
  const reserved: Partial<Record<Lane, number>> = { gold: limits.maxConcurrentCalls > 1 ? 1 : 0 };
  for (const lane of laneOrder) {
    const given = config.lanes?.[lane];
    if (given?.weight !== undefined) weights[lane] = given.weight;
    if (given?.reserved !== undefined) reserved[lane] = given.reserved;
  }
  return { slots: limits.maxConcurrentCalls, weights, reserved, maxWaitMs: limits.maxWindowWaitMs };
}

/** The lane asked, or the best lower one the tenant may use. */
function lowered(asked: Lane, allowed: readonly Lane[] | undefined): Lane {
  if (allowed === undefined || allowed.includes(asked)) return asked;
  return laneOrder.slice(laneOrder.indexOf(asked)).find((lane) => allowed.includes(lane)) ?? "bronze";
}

/** The members of `given` that `shape` has. */
function pick<T extends object>(given: Partial<T> | undefined, shape: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(given ?? {}).filter(([name, value]) => name in shape && value !== undefined),
  ) as Partial<T>;
}
