import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ConsensusContent, Frame } from "atp-client";
import { afterEach, describe, expect, it } from "vitest";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const running = new Set<ChildProcess>();

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built demo. @param onOutput sees all that was written so far, of both streams */
function demo(
  args: readonly string[],
  onOutput?: (text: string, child: ChildProcess) => void,
  program = main,
): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    onOutput?.(stdout + stderr, child);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    onOutput?.(stdout + stderr, child);
  });
  return new Promise((resolve) => {
    child.on("close", (code) => {
      running.delete(child);
      resolve({ code, stdout, stderr });
    });
  });
}

/** Addresses of the stack's processes, as the demo told them. */
function urls(text: string): string[] {
  return [...text.matchAll(/http:\/\/127\.0\.0\.1:\d+/g)].map(([url]) => url);
}

afterEach(() => {
  for (const child of running) child.kill("SIGTERM");
});

describe("the demo as a process", { timeout: 60_000 }, () => {
  it("--json gives the frames as received, the last one FIN, with evidence at file and line and a bill that adds up", async () => {
    const { code, stdout, stderr } = await demo(["--json", "How is a budget kept?"]);
    expect(stderr).not.toMatch(/^\{/m);
    expect(code, stderr).toBe(0);
    const frames = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Frame);
    const partials = frames.filter(({ payload }) => payload?.type === "agent.result.partial");
    const speakers = new Set(partials.map(({ payload }) => (payload?.content as { adapter: string }).adapter));
    expect([...speakers].sort()).toEqual(["librarian-deep", "librarian-shallow", "persona"]);
    const unnumbered = new Set(["ACK", "HB", "CTRL"]);
    const numbered = frames.filter(({ flags }) => !flags.some((flag) => unnumbered.has(flag)));
    expect(numbered.map(({ msg_seq }) => msg_seq)).toEqual(numbered.map((_, i) => i + 2));
    expect(frames.filter(({ payload }) => payload?.type === "control.plan")).toHaveLength(1);

    const fin = frames.at(-1);
    expect(fin?.flags).toEqual(["FIN"]);
    const { consensus } = fin?.payload?.content as { consensus: ConsensusContent };
    expect(consensus.strategy).toBe("fanout");
    expect(consensus.evidence.length).toBeGreaterThan(0);
    for (const { locator, quote } of consensus.evidence) {
      expect(locator).toMatch(/^[\w./-]+\.md:\d+$/);
      expect(stderr).toContain(`found ${locator}`);
      expect(quote).not.toBe("");
    }
    const bill = fin?.telemetry;
    const entries = bill?.adapters ?? [];
    expect(entries).toHaveLength(3);
    expect(bill?.usd).toBe(entries.reduce((sum, { usd }) => sum + usd, 0));
    expect(bill?.tokens).toBe(entries.reduce((sum, { in_tokens, out_tokens }) => sum + in_tokens + out_tokens, 0));
    expect(bill?.usd).toBeGreaterThan(0);
  });

  it("without a terminal prints plain lines, and leaves no process behind", async () => {
    const { code, stdout, stderr } = await demo(["What", "does", "a", "lane", "do?"]);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).not.toContain("\u001b");
    for (const heading of [
      "Policy:",
      "Estimates:",
      "Plan: fanout",
      "Consensus:",
      "Answer:",
      "Bill:",
      "Window left:",
      "Go on:",
    ]) {
      expect(stdout).toContain(heading);
    }
    expect(stdout).toMatch(/^ {2}partial {2}librarian-deep/m);
    expect(urls(stdout)).toHaveLength(5);
    for (const url of urls(stdout)) await expect(fetch(url), url).rejects.toThrow();
  });

  it("a citation whose file says something else at its line is named, exit 1", async () => {
    // The same programs, seen from a project whose documents have one line more than those that the librarians read.
    const project = fileURLToPath(new URL("../../../", import.meta.url));
    const other = mkdtempSync(join(tmpdir(), "atp-demo-docs-"));
    try {
      mkdirSync(join(other, "examples/demo"), { recursive: true });
      cpSync(join(project, "examples/demo/dist"), join(other, "examples/demo/dist"), { recursive: true });
      for (const name of ["node_modules", "examples/router", "examples/memory-gateway", "examples/adapters"]) {
        symlinkSync(join(project, name), join(other, name));
      }
      cpSync(join(project, "docs"), join(other, "docs"), { recursive: true });
      const guides = join(other, "docs/guides");
      for (const name of readdirSync(guides)) {
        writeFileSync(join(guides, name), `One line more.\n${readFileSync(join(guides, name), "utf8")}`);
      }
      const { code, stdout } = await demo(
        ["How is a budget kept?"],
        undefined,
        join(other, "examples/demo/dist/main.js"),
      );
      expect(code).toBe(1);
      expect(stdout).toMatch(/WRONG docs\/guides\/[\w-]+\.md:\d+/);
      expect(stdout).toMatch(/citations are not at their line: docs\/guides/);
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });

  it("a window too small is refused with the limit named, exit 1", async () => {
    const { code, stdout } = await demo(["--max-usd-micros", "1", "How is a budget kept?"]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/EBUDGET: /);
    expect(stdout).toContain("max_usd_micros");
    for (const url of urls(stdout)) await expect(fetch(url), url).rejects.toThrow();
  });

  it.each<[NodeJS.Signals, number]>([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ])("%s while it starts ends every process, exit %i", async (signal, expected) => {
    let sent = false;
    const { code, stdout } = await demo([], (text, child) => {
      if (sent || urls(text).length < 2) return;
      sent = true;
      child.kill(signal);
    });
    expect(code).toBe(expected);
    for (const url of urls(stdout)) await expect(fetch(url), url).rejects.toThrow();
  });

  it("an option that it does not have is one line and exit 2", async () => {
    const { code, stdout, stderr } = await demo(["--jsn"]);
    expect({ code, stdout, lines: stderr.trimEnd().split("\n").length }).toEqual({ code: 2, stdout: "", lines: 1 });
  });
});
