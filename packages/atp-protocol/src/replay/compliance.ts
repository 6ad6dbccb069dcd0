import type { ReplayEntry, ReplayStore } from "./store.js";

/** One check of a store; `run` rejects when the store fails it. */
export interface ComplianceCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

const key = { session: "e1", stream: "st1" };
const entry = (seq: number, end = false): ReplayEntry => ({ seq, data: `message ${seq}`.padEnd(100, "."), end });
const seqs = (entries: readonly ReplayEntry[]): string => entries.map((each) => each.seq).join();

function expect(actual: unknown, wanted: unknown, what: string): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`${what}: ${left} instead of ${right}`);
}

/** How long what a networked store delivers may be on its way. */
const WITHIN_MS = 5_000;

/** What was delivered: at once in memory, soon by a network. */
async function expectSoon(actual: () => unknown, wanted: unknown, what: string): Promise<void> {
  const end = performance.now() + WITHIN_MS;
  while (JSON.stringify(actual()) !== JSON.stringify(wanted) && performance.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 2));
  expect(actual(), wanted, what);
}

/**
 * The checks that every {@link ReplayStore} must pass. Each makes its own empty store; any test runner can run them. What a store
 * delivers to followers and owners is waited for; what it answers is held to at once.
 */
export function replayCompliance(create: () => Promise<ReplayStore> | ReplayStore): readonly ComplianceCase[] {
  const withStore = (name: string, body: (store: ReplayStore) => Promise<void>): ComplianceCase => ({
    name,
    async run() {
      const store = await create();
      await store.publish("e1", "alice", "r1", ["t1"]);
      await body(store);
    },
  });
  return [
    withStore("A9.3 finds a session by its token's id, for its principal only", async (store) => {
      expect(await store.attach("t1", "alice"), { session: "e1", owner: "r1" }, "its principal");
      expect(await store.attach("t1", "mallory"), "forbidden", "another principal");
      expect(await store.attach("t2", "alice"), null, "an unknown token");
    }),
    withStore("A9.3 tokens that are no longer published are dead", async (store) => {
      await store.publish("e1", "alice", "r2", ["t1", "t2"]);
      expect(await store.attach("t1", "alice"), { session: "e1", owner: "r2" }, "the older of two");
      await store.publish("e1", "alice", "r2", ["t2"]);
      expect(await store.attach("t1", "alice"), null, "a token taken back");
      expect(await store.attach("t2", "alice"), { session: "e1", owner: "r2" }, "the newest");
    }),
    withStore("A9.2 gives back what was appended, byte for byte and in order", async (store) => {
      for (const seq of [2, 3, 4]) await store.append(key, entry(seq), 10_000);
      await store.append(key, { ...entry(3), data: "other" }, 10_000);
      const read = await store.read(key, 2);
      expect(read, { entries: [entry(3), entry(4)], complete: true }, "the suffix");
    }),
    withStore("A9.2 evicts the oldest beyond the bound, never an end, and says so", async (store) => {
      for (const seq of [2, 3, 4, 5]) await store.append(key, entry(seq), 250);
      await store.append(key, entry(6, true), 250);
      const read = await store.read(key, 1);
      expect(read.complete, false, "complete");
      expect(read.entries, [entry(5), entry(6, true)], "what is left");
      expect((await store.read(key, 4)).complete, true, "a reader that had the rest");
      await store.append({ ...key, stream: "st2" }, entry(2, true), 10);
      expect(seqs((await store.read({ ...key, stream: "st2" }, 1)).entries), "2", "an end over the bound");
    }),
    withStore("A9.2 an acknowledged message may go, and is no gap", async (store) => {
      for (const seq of [2, 3]) await store.append(key, entry(seq), 10_000);
      await store.trim(key, 2);
      expect(await store.read(key, 2), { entries: [entry(3)], complete: true }, "after the trim");
    }),
    withStore("A9.3 a follower gets the suffix, then what comes, once and in order, until it stops", async (store) => {
      await store.append(key, entry(2), 10_000);
      const got: ReplayEntry[] = [];
      const stop = await store.follow(key, 1, (each) => got.push(each));
      await store.append(key, entry(3), 10_000);
      await store.append(key, entry(3), 10_000);
      await expectSoon(() => seqs(got), "2,3", "followed");
      stop();
      await store.append(key, entry(4), 10_000);
      // Whatever would still come is there before one that began later has it.
      const later: ReplayEntry[] = [];
      const stopLater = await store.follow(key, 3, (each) => later.push(each));
      await expectSoon(() => seqs(later), "4", "a later follower");
      stopLater();
      expect(seqs(got), "2,3", "after the stop");
    }),
    withStore("A9.3 commands reach the owner; a lost owner is told", async (store) => {
      const got: unknown[] = [];
      const stop = await store.commands("r1", (command) => got.push(command.frame));
      expect(await store.tell("r1", { key, frame: "cancel" }), true, "a living owner");
      await expectSoon(() => got, ["cancel"], "the command");
      stop();
      expect(await store.tell("r1", { key, frame: "late" }), false, "a lost owner");
    }),
    withStore("A9.2 a forgotten session leaves nothing", async (store) => {
      await store.append(key, entry(2), 10_000);
      await store.forget("e1");
      expect(await store.attach("t1", "alice"), null, "its token");
      expect(await store.read(key, 0), { entries: [], complete: false }, "its messages");
    }),
  ];
}
