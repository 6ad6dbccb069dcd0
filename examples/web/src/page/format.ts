const whole = new Intl.NumberFormat("en");

/** A whole number with its thousands marked. */
export function count(value: number): string {
  return whole.format(value);
}

/** Micro-dollars as dollars, with as many digits as they need. */
export function dollars(usdMicros: number): string {
  return `$${(usdMicros / 1_000_000).toFixed(usdMicros >= 1_000_000 ? 2 : 6)}`;
}

/** Milliseconds, as seconds from a second on. */
export function time(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** A share of 0 to 1. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
