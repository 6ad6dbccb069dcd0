/** The wire's work that needs no socket: bench-wire-work, started with --expose-gc. */
import { runSchedules } from "../../../packages/atp-protocol/test/support/schedule.js";
import { serveControl, tellReady } from "../harness/control.js";
import { decodeRounds } from "./decode.js";
import { fuzz } from "./fuzz.js";
import { rejectTimes } from "./reject.js";

serveControl({ decode: decodeRounds, reject: rejectTimes, fuzz, schedules: runSchedules });
tellReady();
