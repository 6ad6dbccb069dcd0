/**
 * Replay adapters as a process (part D): one line `listening on` for each model, in the order in which they were named.
 */
import { runAdapters } from "atp-adapter-kit";
import { readReplayConfig } from "./config.js";
import { readRecordings } from "./recorded.js";
import { createReplayAdapter } from "./replay.js";

await runAdapters((env) => {
  const { folder, models } = readReplayConfig(process.argv.slice(2), env);
  const recordings = readRecordings(
    folder,
    models.map(({ model }) => model),
  );
  return recordings.map((recording, i) => ({
    adapter: createReplayAdapter(recording),
    port: models[i]?.port ?? 0,
  }));
});
