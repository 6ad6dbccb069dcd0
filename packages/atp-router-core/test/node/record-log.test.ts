import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordLog } from "../../src/node/record-log.js";
import type { Observation } from "../../src/ports/index.js";

const decision = (key: string, text = ""): Observation =>
  ({ t: "stream.decision", key, tenant: "t1", record: { outcome: "ok", text } }) as unknown as Observation;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "atp-records-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("the log of decision records", () => {
  it("appends one JSON line for each decision, and nothing else", async () => {
    const path = join(folder, "records.jsonl");
    for (const key of ["a", "b"]) {
      const log = recordLog(path, (error) => expect.unreachable(error.message));
      log.observer.observe(decision(key));
      log.observer.observe({ ...decision(key), t: "stream.closed" } as unknown as Observation);
      await log.close();
    }
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { key: "a", tenant: "t1", outcome: "ok", text: "" },
      { key: "b", tenant: "t1", outcome: "ok", text: "" },
    ]);
  });

  it("holds at most 4 MiB for the disk: past it records are dropped and counted, and what was kept is whole", async () => {
    const path = join(folder, "records.jsonl");
    const log = recordLog(path, (error) => expect.unreachable(error.message));
    const mebibyte = "x".repeat(1_048_576);
    // Nothing reaches the disk within one turn of the event loop: all of it waits.
    for (let n = 0; n < 20; n++) log.observer.observe(decision(String(n), mebibyte));
    expect(log.dropped).toBe(16);
    await log.close();
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { key: string }).key)).toEqual(["0", "1", "2", "3"]);
  });

  it("tells a disk that fails once, counts what is lost, and still closes", async () => {
    let failed: (error: Error) => void = () => undefined;
    const told = new Promise<Error>((resolve) => {
      failed = resolve;
    });
    const log = recordLog(join(folder, "missing", "records.jsonl"), (error) => failed(error));
    expect((await told).message).toContain("ENOENT");
    log.observer.observe(decision("a"));
    expect(log.dropped).toBe(1);
    await log.close();
  });
});
