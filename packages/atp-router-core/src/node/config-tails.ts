import * as z from "zod";
import type { TailsOptions } from "../model/index.js";

const uint = z.int().min(0);
const positive = z.int().min(1);
const share = z.number().min(0).max(1);
const off = z.literal("off");

/** What is done about slow and failing adapters; each part may be `off`. */
export const tailsSchema = z.strictObject({
  /** A second call for one that says nothing yet. */
  hedge: z
    .union([
      off,
      z.strictObject({
        /** Of an adapter's times to its first piece: later than this is late. */
        quantile: z.number().min(0.5).max(0.999).optional(),
        floor_ms: uint.optional(),
        /** Second calls at most, as a share of first ones. */
        share: share.optional(),
        min_samples: positive.optional(),
        lanes: z.array(z.enum(["gold", "silver"])).optional(),
      }),
    ])
    .optional(),
  /** Calls made because one failed. */
  retry: z
    .union([
      off,
      z.strictObject({
        max: uint.max(4).optional(),
        base_ms: positive.optional(),
        cap_ms: positive.optional(),
        tokens: positive.optional(),
        refund: z.number().positive().max(1).optional(),
      }),
    ])
    .optional(),
  /** Lanes in which an answer that breaks off begins anew. */
  restart: z.array(z.enum(["gold", "silver", "bronze"])).optional(),
  breaker: z
    .union([
      off,
      z.strictObject({
        in_a_row: positive.optional(),
        share: z.number().positive().max(1).optional(),
        min_calls: positive.optional(),
        window_ms: positive.optional(),
        open_ms: positive.optional(),
        max_open_ms: positive.optional(),
      }),
    ])
    .optional(),
  outliers: z
    .union([
      off,
      z.strictObject({
        interval_ms: positive.optional(),
        eject_ms: positive.optional(),
        max_eject_ms: positive.optional(),
        max_share: share.optional(),
        deviations: z.number().positive().optional(),
        min_adapters: z.int().min(2).optional(),
        min_calls: positive.optional(),
        failed_share: z.number().positive().max(1).optional(),
        min_calls_alone: positive.optional(),
      }),
    ])
    .optional(),
});

/** The same in the router's own names. */
export function tailsFrom({ restart, ...parts }: z.infer<typeof tailsSchema>): TailsOptions {
  const named: Record<string, unknown> = {};
  for (const [part, value] of Object.entries(parts)) {
    if (value === undefined) continue;
    named[part] =
      value === "off" ? value : Object.fromEntries(Object.entries(value).map(([name, given]) => [camel(name), given]));
  }
  return { ...(named as TailsOptions), ...(restart === undefined ? {} : { restart }) };
}

function camel(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
