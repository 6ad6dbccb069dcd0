import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "./result.js";

/** A run with what it was about. */
export interface Run {
  readonly subject: string;
  readonly results: readonly Result[];
}

/** Counts of a run by outcome. */
export function countOf(results: readonly Result[]): Readonly<Record<Result["outcome"], number>> {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const { outcome } of results) count[outcome]++;
  return count;
}

/** Writes `conformance.json`, `conformance.xml` (JUnit) and `conformance.html` into a folder. */
export function writeReports(folder: string, run: Run): void {
  mkdirSync(folder, { recursive: true });
  const counts = countOf(run.results);
  writeFileSync(join(folder, "conformance.json"), `${JSON.stringify({ ...run, counts }, null, 2)}\n`);
  writeFileSync(join(folder, "conformance.xml"), junit(run));
  writeFileSync(join(folder, "conformance.html"), html(run));
}

/** Text for XML and HTML. Characters that XML cannot hold become U+FFFD. */
export function escape(text: string): string {
  return text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/g, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function byProfile(results: readonly Result[]): Map<string, Result[]> {
  const groups = new Map<string, Result[]>();
  for (const result of results) groups.set(result.profile, [...(groups.get(result.profile) ?? []), result]);
  return groups;
}

/** JUnit's XML, one suite for each profile. */
export function junit(run: Run): string {
  const suites = [...byProfile(run.results)].map(([profile, results]) => {
    const { failed, skipped } = countOf(results);
    const cases = results.map((result) => {
      const head = `<testcase classname="atp.${escape(profile)}" name="${escape(result.id)}" time="${result.durationMs / 1_000}"`;
      if (result.outcome === "passed") return `${head}/>`;
      const message = escape(result.message ?? "");
      const kind = result.outcome === "failed" ? "failure" : "skipped";
      return `${head}><${kind} message="${message}"/></testcase>`;
    });
    return `<testsuite name="${escape(profile)}" tests="${results.length}" failures="${failed}" skipped="${skipped}">\n${cases.join("\n")}\n</testsuite>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="${escape(run.subject)}">\n${suites.join("\n")}\n</testsuites>\n`;
}

const style =
  "body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}table{border-collapse:collapse;width:100%}" +
  "td,th{border-bottom:1px solid #8884;padding:.3rem .5rem;text-align:left;vertical-align:top}.failed{color:#b00020}.skipped{color:#666}" +
  "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}.failed{color:#ff8a80}.skipped{color:#999}}";

/** A page of its own: counts, then each check by profile, failures first. */
export function html(run: Run): string {
  const order = { failed: 0, skipped: 1, passed: 2 };
  const sections = [...byProfile(run.results)].map(([profile, results]) => {
    const { passed, failed, skipped } = countOf(results);
    const rows = [...results]
      .sort((a, b) => order[a.outcome] - order[b.outcome])
      .map(
        ({ id, outcome, rules, message }) =>
          `<tr class="${outcome}"><td>${outcome}</td><td>${escape(id)}</td><td>${escape(rules.join(", "))}</td><td>${escape(message ?? "")}</td></tr>`,
      );
    return (
      `<h2>${escape(profile)}: ${passed} passed, ${failed} failed, ${skipped} skipped</h2>\n` +
      `<table><thead><tr><th>Outcome</th><th>Check</th><th>Rules</th><th>Message</th></tr></thead><tbody>\n${rows.join("\n")}\n</tbody></table>`
    );
  });
  return (
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
    `<title>ATP conformance</title><style>${style}</style></head>\n` +
    `<body><h1>ATP conformance of ${escape(run.subject)}</h1>\n${sections.join("\n")}\n</body></html>\n`
  );
}
