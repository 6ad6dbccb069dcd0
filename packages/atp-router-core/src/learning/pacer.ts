/** What spending is held to. */
export interface PacerConfig {
  /** Micro-dollars a request, on average. */
  readonly targetUsdMicros: number;
}

/** Requests' worth of the target that spending may be off before the price of money doubles or halves. */
const BAND = 3;
/** How much of the deviation stays in the price for good: the integral part of the controller. */
const KEEP = 0.02;
/** Doublings of the price of money, up and down. */
const MOST = 12;
/** Half steps of a doubling: prices are chosen from a grid, so that what was thought through at one can be used again. */
const STEPS = 2;

/** A live cost governor's state. Plain data. */
export interface Pacer {
  readonly config: PacerConfig;
  requests: number;
  spentUsdMicros: number;
  /** Where the price of money has settled, in doublings. */
  settled: number;
}

/** A governor that has seen nothing. @throws RangeError when the target is not a positive number */
export function newPacer(config: PacerConfig): Pacer {
  if (!(config.targetUsdMicros > 0))
    throw new RangeError("a cost target is a positive number of micro-dollars a request");
  return { config, requests: 0, spentUsdMicros: 0, settled: 0 };
}

/** How many requests' worth of the target were spent too much; negative when too little was. */
export function owed({ config, requests, spentUsdMicros }: Pacer): number {
  return spentUsdMicros / config.targetUsdMicros - requests;
}

const bounded = (doublings: number): number => Math.max(-MOST, Math.min(MOST, doublings));

/**
 * What a micro-dollar counts now, in micro-dollars: above 1 while too much was spent, below 1 while too little. A
 * proportional-integral form of the primal-dual pacer of bandits with knapsacks (Badanidiyuru et al. 2013): dual ascent alone follows a
 * rate and lets the sum wander; the proportional part brings the sum itself back. Between two steps of the grid `u`, uniform in
 * [0, 1), decides, so that on average the price is what it should be.
 */
export function priceOfMoney(pacer: Pacer, u: number): number {
  const doublings = bounded(pacer.settled + owed(pacer) / BAND) * STEPS;
  const low = Math.floor(doublings);
  return 2 ** ((u < doublings - low ? low + 1 : low) / STEPS);
}

/** A request is over, at what it cost. */
export function paid(pacer: Pacer, usdMicros: number): void {
  pacer.requests++;
  pacer.spentUsdMicros += usdMicros;
  pacer.settled = bounded(pacer.settled + (KEEP * Math.max(-BAND, Math.min(BAND, owed(pacer)))) / BAND);
}

/**
 * Whether a call still fits: it may bring spending to at most `band` requests' worth above its target. The price alone reacts after the
 * fact, and one dear call near the end of a period could be more than the whole tolerance.
 */
export function affordable(pacer: Pacer, usdMicros: number, spentHereUsdMicros: number, band: number): boolean {
  return owed(pacer) + (spentHereUsdMicros + usdMicros) / pacer.config.targetUsdMicros - 1 <= band;
}
