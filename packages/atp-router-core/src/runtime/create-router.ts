import { AtpError, closeCodes } from "atp-protocol";
import { webDigest } from "atp-protocol/integrity";
import { fromWindow, lowest, may, seesAll, tailsOf, toWindow } from "../model/index.js";
import type { Lane, Limits, Principal, Route, Task } from "../model/index.js";
import { redactText } from "../policy/redact.js";
import { createRouterMachine } from "../router/index.js";
import { matchRoute, narrowRoute } from "../routing/index.js";
import type { StreamKey } from "../stream/index.js";
import { type Connection, openConnection } from "./connection.js";
import { allowTools } from "./default-policy.js";
import { passDoor } from "./door.js";
import { createEventLoop } from "./event-loop.js";
import { createSharing } from "./sharing.js";
import { refusal } from "./refusal.js";
import { explain } from "./explain.js";
import { createAliases } from "./aliases.js";
import { newHost, traceOf } from "./host.js";
import type { Emit, StreamHost, StreamOutput } from "./host.js";
import { exchanging, feedbackOf, learnedBy, learningOf, opensWith, trialsOf } from "./learning.js";
import { outerScopes } from "./outer-scopes.js";
import { createIntegrity } from "./integrity.js";
import { createLedgerDesk } from "./ledger-desk.js";
import { createMemoryLedgerStore } from "./memory-ledger-store.js";
import { perform } from "./performer.js";
import type { Tools } from "./tools.js";
import { handOver } from "./hand-over.js";
import { readiness } from "./readiness.js";
import { parseTask } from "./request.js";
import type { Router, RouterConfig } from "./router.js";
import type { ConnectionTools, Opened } from "./session-tools.js";
import { anyone, grantOf, isSame } from "./grant.js";
import { shareSessions } from "./shared-sessions.js";
import { createSessionScopes } from "./session-scopes.js";
import { viewOf } from "./view-of.js";
import { createSessions } from "./sessions.js";
import { budgetsOf } from "./budgets-of.js";
import { createTenantBudgets } from "./tenant-budgets.js";
import { lowered, settingsOf } from "./settings.js";
import { within } from "./settle.js";
import { systemClock, systemRng } from "./system.js";
import { startTicker } from "./ticker.js";

const SWEEP_EVERY_TICKS = 8;

/**
 * A router to embed: it takes sockets, asks policy, memory, ledger and adapters through their ports, and answers.
 * Without further configuration budgets are kept in process memory and everyone is the tenant `default`.
 */
export function createRouter(config: RouterConfig): Router {
  const { wire, limits, lease, leaseLimits, lanes, overload, server } = settingsOf(config);
  const { observer, memory, policy = allowTools(), clock = systemClock(), rng = systemRng() } = config;
  let { routes = [], tenants = {} } = config;
  const ledger = config.ledger ?? createMemoryLedgerStore(clock);
  const desk = createLedgerDesk(ledger, clock);
  const adapters = new Map(config.adapters.map((port) => [port.id, port]));
  const hosts = new Map<StreamKey, StreamHost>();
  const connections = new Set<Connection>();
  const sessions = createSessions(limits.memoryBudgetBytes);
  const salt = rng.hex(8);
  const learning = config.learning === undefined ? undefined : learningOf(config.learning, salt);
  const tails = tailsOf(config.tails);
  const machine = createRouterMachine({
    lanes,
    tails,
    salt,
    overload: { ...overload, seed: rng.u32() },
    ...(learning === undefined ? {} : { learning }),
  });
  const aliases = createAliases(rng);
  /** Called when the last stream has ended. */
  let whenEmpty: (() => void) | undefined;
  const scopes = createSessionScopes(hosts, (scope) => desk.forget(scope));
  let draining = false;
  const writes = new Set<Promise<void>>();
  let dryRuns = 0;

  let roomTold = false;
  function tellRoom(): void {
    if (roomTold) return;
    roomTold = true;
    queueMicrotask(() => {
      roomTold = false;
      emit({ t: "money.room", at: clock.now() });
    });
  }
  const budgets = createTenantBudgets({ tenants, clock, ledger, desk, room: tellRoom });

  const loop: Emit = createEventLoop(machine, (effect) => perform(tools, effect), { clock, rng, observer });
  /** Adapters that have not been asked for their health yet, and who waits for them. */
  const unprobed = new Set(adapters.keys());
  let whenProbed: (() => void) | undefined;
  const emit: Emit = (event) => {
    loop(event);
    if (unprobed.size > 0 && (event.t === "adapter.healthy" || event.t === "adapter.unhealthy")) {
      unprobed.delete(event.adapter);
      if (unprobed.size === 0) whenProbed?.();
    }
  };
  const probed = unprobed.size === 0 ? Promise.resolve() : new Promise<void>((resolve) => (whenProbed = resolve));
  const tools: Tools = {
    clock,
    emit,
    adapters,
    describe: (id) => machine.registry.candidates().find(({ info }) => info.id === id)?.info ?? { name: id },
    policy,
    redactor: config.redactor ?? redactText,
    memory,
    ledger,
    desk,
    budgets,
    observer,
    defectId: () => rng.hex(8),
    limits,
    hosts,
    writing(write) {
      writes.add(write);
      void write.then(() => writes.delete(write));
    },
    ...trialsOf(config.learning?.challenge, { limits: leaseLimits, open, emit, clock }),
    closed(host) {
      hosts.delete(host.key);
      scopes.streamEnded(host.scope);
      if (hosts.size === 0) whenEmpty?.();
    },
  };

  const authenticate: ConnectionTools["authenticate"] = (token) =>
    config.identity === undefined ? anyone : config.identity.authenticate(token === undefined ? {} : { token });

  const sharing = createSharing(
    clock,
    (event) => emit(event),
    config.cache,
    config.runs === undefined ? undefined : { store: config.runs, rng, observer },
  );

  function open(o: Opened, principal: Principal): void {
    if (draining) throw new AtpError("EDRAINING", "The router shuts down. Ask again elsewhere.");
    if (!may(principal, "stream"))
      throw new AtpError("EPOLICY", "These credentials may not run streams: they lack the scope `stream`.");
    const tenant = tenants[principal.tenant];
    const qos = lowered(lowered(o.parse.qos, tenant?.lanes), principal.lanes);
    // Before its body is looked at: what is refused costs next to nothing.
    if (!o.dryRun) {
      const head = { lane: qos, tenant: principal.tenant, meta: o.parse.meta, maxStreamMs: limits.maxStreamMs };
      passDoor(machine, head, clock.now());
    }
    const asked = parseTask(o.parse);
    const route = narrowRoute(matchRoute(routes, asked, qos), asked.meta["adapters"]);
    // The client's own strategy wins over the route's.
    const task =
      asked.meta["strategy"] === undefined && route?.strategy !== undefined
        ? { ...asked, strategy: route.strategy }
        : asked;
    const window = fromWindow(o.frame.window, lowest(o.sessionLimits, route?.budget ?? {}));
    const output = o.dryRun ? o.output : sharing.share(o, task, principal, qos, toWindow(window));
    if (!(output instanceof Promise)) return begin(output);
    // Other routers are asked first: meanwhile it is on no list but that of `sharing`.
    output.then(begin).catch((error: unknown) => o.output.end(o.ref, refusal(error)));

    function begin(output: StreamOutput | undefined): void {
      if (output !== undefined) start(o, task, principal, qos, window, route, output);
    }
  }

  function start(
    o: Opened,
    task: Task,
    principal: Principal,
    qos: Lane,
    window: Limits,
    route: Route | undefined,
    output: StreamOutput,
  ): void {
    const at = clock.now();
    const { key } = o;
    const session = o.dryRun ? rng.hex(8) : aliases.of(o.session);
    const trace = o.dryRun ? undefined : traceOf(config.tracing, key, task, principal.tenant, qos);
    const host = newHost(o, task, principal.tenant, qos, { output, session, callPrefix: rng.hex(8), trace });
    hosts.set(key, host);
    const opening = {
      task,
      principal,
      qos,
      window,
      scopes: outerScopes(o.session, o.sessionLimits, principal, budgets.scope(principal.tenant)),
      ...(route === undefined ? {} : { route }),
      ...opensWith(o, learning, config.similarity),
      deadlineAt: at + Math.min(task.deadlineMs ?? limits.maxStreamMs, limits.maxStreamMs),
      maxWindowWaitMs: limits.maxWindowWaitMs,
      restarts: tails.restart,
    };
    emit({ t: "stream.opened", at, key: o.key, opening });
  }

  const stopWatching = ledger.watch(tellRoom);

  for (const { id, configured = {} } of config.adapters)
    emit({ t: "adapter.added", at: clock.now(), adapter: id, configured });
  const exchange = exchanging(learning, config, salt);
  const stopTick = startTicker(clock, emit, config.memoryShare, (ticks) => {
    exchange(ticks);
    // A store that is away is swept when it is back.
    if (ticks % SWEEP_EVERY_TICKS === 0) ledger.sweep().catch(() => undefined);
  });

  const streamsEnded = (withinMs: number): Promise<void> =>
    hosts.size === 0 ? Promise.resolve() : within(clock, withinMs, (resolve) => (whenEmpty = resolve));

  async function close(): Promise<void> {
    draining = true;
    // Whoever has not said a word on an answer by now will not.
    machine.learning?.flush();
    for (const key of [...hosts.keys()]) emit({ t: "drain.over", at: clock.now(), key });
    for (const end of [...connections, ...(shared?.lines() ?? [])])
      end.close(closeCodes.goingAway, "the router shuts down");
    if (shared !== undefined) await handOver(shared, sessions.all(), clock);
    sharing.close();
    // Nobody comes back to a router that is gone.
    for (const session of [...sessions.all()]) if (session.detachedAt !== undefined) session.dispose();
    stopTick();
    budgets.close();
    stopWatching();
    for (const port of adapters.values()) port.close();
  }

  const shared =
    config.replay === undefined
      ? undefined
      : shareSessions({
          store: config.replay,
          clock,
          rng,
          observer,
          retentionBytes: wire.retention_bytes,
          find: (tokenId) => sessions.find(tokenId),
          attach(session, line, { hello, token, tokenId, shownId }, who) {
            if (!isSame(session.principal, who)) return false;
            session.attach(line, hello, grantOf({ server, lease }, who, session.id, token, tokenId), shownId);
            if (draining) session.step({ t: "drain", at: clock.now() });
            return true;
          },
        });

  const connectionTools: ConnectionTools = {
    shared,
    clock,
    emit: (event) => {
      if (!sharing.takes(event)) emit(event);
    },
    observer,
    limits: wire,
    lease,
    leaseLimits,
    server,
    resumeUrl: config.resumeUrl,
    feedback: (key, content) => emit({ t: "feedback", at: clock.now(), key, word: feedbackOf(content) }),
    rng,
    integrity: createIntegrity(config, clock, rng),
    hash: config.hash ?? ((text) => webDigest().sha256(text)),
    authenticate,
    needsToken: config.identity !== undefined,
    open,
    admit: () => sessions.admit(hosts.size),
    setSessionLimits: (session, next) => desk.setLimit(`session:${session}`, next),
    opened: (session) => sessions.add(session),
    parted(key, to, from) {
      scopes.parted(from);
      const host = hosts.get(key);
      if (!sharing.moved(key, to.output) && host !== undefined) host.output = to.output;
    },
    find: (tokenId) => sessions.find(tokenId),
    tokens: (session, valid) => sessions.tokens(session, valid),
    changed: (session) => sessions.changed(session),
    disposed(session) {
      sessions.remove(session);
      aliases.forget(session.id);
      scopes.sessionEnded(session);
    },
  };

  return {
    connect(socket, info) {
      const connection = openConnection(connectionTools, socket, info, (gone) => {
        connections.delete(gone);
        observer?.observe({ t: "socket.closed", sockets: connections.size });
      });
      connections.add(connection);
      observer?.observe({ t: "socket.opened", sockets: connections.size });
      if (draining) connection.drain();
      return connection;
    },
    async explain(request, credentials) {
      try {
        const { principal } = await authenticate(credentials.token);
        return await explain(request, principal, leaseLimits, { key: `explain-${salt}-${dryRuns++}`, open });
      } catch (error) {
        return { error: AtpError.from(error).toContent() };
      }
    },
    ...learnedBy(learning, machine.learning),
    authenticate: async ({ token }) => (await authenticate(token)).principal,
    view: () => viewOf(machine, clock, sessions, { streams: hosts.size, sockets: connections.size, draining }),
    budgets: (principal) =>
      budgetsOf(
        { ledger, budgets, sessions: sessions.all() },
        ["default", ...Object.keys(tenants)],
        // Without identity there is only one caller to see them all.
        config.identity === undefined || principal === undefined || seesAll(principal) ? undefined : principal.tenant,
      ),
    async ready() {
      // Every adapter is asked once before this answers the first time; each probe has its own deadline.
      await probed;
      return readiness({ adapters: machine.registry.candidates(), policy, memory, ledger, draining });
    },
    reconfigure(next) {
      ({ routes = [], tenants = {} } = next);
      budgets.replace(tenants);
    },
    async drain(options = {}) {
      draining = true;
      for (const end of [...connections, ...(shared?.lines() ?? [])]) end.drain();
      await streamsEnded(options.drainMs ?? wire.drain_ms);
      // Each is bounded by the limit of memory.
      await Promise.all(writes);
      await sharing.settled();
      await close();
    },
    close,
  };
}
