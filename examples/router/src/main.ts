import { runRouter } from "atp-router-core/node";

await runRouter();
