// The page of examples/web with a router of its own, for suites.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { serveAdapter, defineAdapter } from "atp-adapter-kit";
import { root } from "../../lib.mjs";

/** Screenshots, to be looked at; git ignores the folder. */
export const pictures = join(root, "scripts/browser/screenshots");
mkdirSync(pictures, { recursive: true });

/** Starts the page's server with its router. @returns the addresses of both, and the way to end them */
export async function startWeb(args = []) {
  const child = spawn(process.execPath, [join(root, "examples/web/dist/main.js"), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = once(child, "exit");
  const { url, routerUrl } = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const found = /the page is at (?<url>\S+) and the router at (?<routerUrl>\S+)/.exec(line)?.groups;
      if (found !== undefined) resolve(found);
    });
    gone.then(([code]) => reject(new Error(`the page's server ended with ${code}`)));
  });
  return {
    url,
    routerUrl,
    close: async () => {
      child.kill("SIGTERM");
      await gone;
    },
  };
}

/**
 * Serves adapters that say a piece at a fixed rate. `seconds`, how long each talks, is a number or tells it by the talker.
 * @returns their addresses, and the way to end them
 */
export async function startTalkers(count, { perSecond, seconds, piece, answer }) {
  const piecesOf = (i) => Math.round(perSecond * (typeof seconds === "function" ? seconds(i) : seconds));
  const served = await Promise.all(
    Array.from({ length: count }, (_, i) =>
      serveAdapter(
        defineAdapter({
          name: `talker-${i + 1}`,
          prices: { inUsdMicrosPerMtok: 100_000, outUsdMicrosPerMtok: 400_000 },
          maxParallel: 8,
          // A piece is at most 100 bytes; a token 4 of them.
          estimate: () => ({ inTokens: 20, outTokens: piecesOf(i) * 20, p95Tokens: piecesOf(i) * 25 }),
          async *stream(_request, { signal }) {
            const began = performance.now();
            for (let n = 0; n < piecesOf(i); n++) {
              // By the clock, not by the wait before: a late timer must not lower the rate.
              const wait = began + (n * 1_000) / perSecond - performance.now();
              if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
              signal.throwIfAborted();
              yield { text: piece(i, n) };
            }
            yield { final: answer === undefined ? {} : { answer: answer(i) }, confidence: 0.6 + i / 50 };
          },
        }),
        { port: 0, handleSignals: false, drainMs: 100 },
      ),
    ),
  );
  return { urls: served.map(({ url }) => url), close: () => Promise.all(served.map((one) => one.close())) };
}

/** Fails with what was expected. */
export function expect(condition, what) {
  if (!condition) throw new Error(`expected ${what}`);
}
