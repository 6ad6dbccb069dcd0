import type { ReactElement } from "react";
import type { Window } from "atp-client";
import { Bar } from "../bar.js";
import { count, dollars } from "../format.js";
import type { Spending } from "./spending.js";

/** What of the window is taken, live: what was spent, and behind it what is held for calls that go on; at the end the bill. */
export function WindowBars({
  ceilings,
  left,
  spending,
}: {
  readonly ceilings: Window;
  /** As the router told it last. */
  readonly left: Window | undefined;
  readonly spending: Spending;
}): ReactElement {
  const { max_tokens: tokens = 0, max_usd_micros: usd = 0, max_parallel: parallel = 0 } = ceilings;
  const { isBilled, held } = spending;
  // The router tells of what is spent for good, and in steps: between them the guess is nearer.
  const usedTokens = isBilled ? spending.tokens : Math.max(spending.tokens, tokens - (left?.max_tokens ?? tokens));
  const usedUsd = isBilled ? spending.usdMicros : Math.max(spending.usdMicros, usd - (left?.max_usd_micros ?? usd));
  const words = (used: string, more: string, all: string): string =>
    isBilled ? `${used} spent of ${all}` : `about ${used} spent, ${more} held of ${all}`;
  return (
    <section className="card" aria-labelledby="window-title" data-testid="window">
      <h2 id="window-title">Window</h2>
      <Bar
        label="Tokens"
        value={usedTokens}
        more={held.tokens}
        max={tokens}
        text={words(count(usedTokens), count(held.tokens), count(tokens))}
      />
      <Bar
        label="Money"
        value={usedUsd}
        more={held.usdMicros}
        max={usd}
        text={words(dollars(usedUsd), dollars(held.usdMicros), dollars(usd))}
      />
      <p className="quiet">At most {count(parallel)} calls at once.</p>
    </section>
  );
}
