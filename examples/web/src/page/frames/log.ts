import { client } from "../shell/client.js";
import { FrameLog } from "./frame-log.js";

/** The page's log: from the first frame on, whichever view is open. */
export const frameLog = new FrameLog(client);
